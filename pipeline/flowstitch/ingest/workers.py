"""Items worked on by several threads, results in order."""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Executor, Future

_Item = TypeVar("_Item")
_State = TypeVar("_State")
_Result = TypeVar("_Result")
# Items that are worked on or wait for their turn; each holds its block.
_AHEAD = 5


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
    items : taken one at a time, each by the thread that works on it, in whose cache it then is; no further ahead of the
        results than a few.
    state : for the first item.
    pool : where to work; None works here. The state is taken to stay as it is, so items can be worked on side by side.
    """
    line = _Line(work, iter(items), state)
    # most of what there is to learn stands at the head, and many files have one block
    first = line.work_next()
    if first is None:
        return
    line.state = first.after
    yield first.result
    if pool is None:
        while done := line.work_next():
            line.state = done.after
            yield done.result
        return
    tasks = deque(pool.submit(line.work_next) for _ in range(_AHEAD))
    try:
        yield from _settled(line, tasks, pool)
    finally:
        # whoever wants no more of it may take the items away, which nobody must be reading then
        line.close()


class _Done(NamedTuple, Generic[_Item, _State, _Result]):
    """An item that was worked on: its number, the state it was given, what it gave."""

    number: int
    item: _Item
    presumed: _State
    result: _Result
    after: _State


class _Line(Generic[_Item, _State, _Result]):
    """Items that several threads take from.

    Attributes
    ----------
    state : that the last item left of which it is known.
    """

    def __init__(
        self, work: Callable[[_Item, _State], tuple[_Result, _State]], items: Iterator[_Item], state: _State
    ) -> None:
        self.work, self.state = work, state
        self._items = enumerate(items)
        self._lock = Lock()
        self._closed = False

    def work_next(self) -> _Done[_Item, _State, _Result] | None:
        """Take an item and work on it; None when there is none."""
        with self._lock:
            taken = None if self._closed else next(self._items, None)
            presumed = self.state
        if taken is None:
            return None
        return _Done(*taken, presumed, *self.work(taken[1], presumed))

    def close(self) -> None:
        """Give no more items."""
        with self._lock:
            self._closed = True


def _settled(
    line: _Line[_Item, _State, _Result],
    tasks: deque[Future[_Done[_Item, _State, _Result] | None]],
    pool: Executor,
) -> Iterator[_Result]:
    """Results of the tasks and of those that follow them."""
    early: dict[int, _Done[_Item, _State, _Result]] = {}
    number = 1
    while tasks:
        done = tasks.popleft().result()
        if done is None:
            continue
        early[done.number] = done
        while number in early:
            done = early.pop(number)
            if done.presumed == line.state:
                result, line.state = done.result, done.after
            else:
                result, line.state = line.work(done.item, line.state)
            yield result
            number += 1
        tasks.append(pool.submit(line.work_next))
