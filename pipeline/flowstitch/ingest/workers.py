"""Items worked on by several threads, results in order."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor, Future

_Item = TypeVar("_Item")
_State = TypeVar("_State")
_Result = TypeVar("_Result")
# Items that wait for a thread or for their turn; each holds its block.
_AHEAD = 4


def in_order(
    work: Callable[[_Item, _State], tuple[_Result, _State]],
    items: Iterable[_Item],
    state: _State,
    pool: Executor | None,
) -> Iterator[_Result]:
    """Results of ``work`` on each item, in the order of the items.

    Parameters
    ----------
    work : gets an item and the state that the one before left, and gives its result and the state that it leaves.
        It is pure: where it was called with a state that turned out wrong, its result is dropped and it is called again.
    items : taken no further ahead of the results than a few.
    state : for the first item.
    pool : where to work; None works here. The state is taken to stay as it is, so items can be worked on side by side.
    """
    if pool is None:
        for item in items:
            result, state = work(item, state)
            yield result
        return
    waiting: deque[tuple[_Item, _State, Future[tuple[_Result, _State]]]] = deque()
    for number, item in enumerate(items):
        if number == 0:
            # most of what there is to learn stands at the head, and many files have one block
            result, state = work(item, state)
            yield result
            continue
        waiting.append((item, state, pool.submit(work, item, state)))
        if len(waiting) > _AHEAD:
            result, state = _settle(work, *waiting.popleft(), state)
            yield result
    while waiting:
        result, state = _settle(work, *waiting.popleft(), state)
        yield result


def _settle(
    work: Callable[[_Item, _State], tuple[_Result, _State]],
    item: _Item,
    presumed: _State,
    future: Future[tuple[_Result, _State]],
    state: _State,
) -> tuple[_Result, _State]:
    return future.result() if presumed == state else work(item, state)
