"""Writing behind the simulation's back: packing and Parquet work outside the interpreter's lock."""

from __future__ import annotations

from collections import defaultdict, deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    Call = Callable[[Any], None]

# So many calls of a queue wait at most: what they hold stays in memory.
WAITING = 3


class _Queue:
    """Calls one after the other in a thread of its own."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(1)
        self.waiting: deque[Future[None]] = deque()

    def settle(self, most: int) -> None:
        while len(self.waiting) > most:
            self.waiting.popleft().result()


class Behind:
    """Calls of each function in order, those of several functions side by side.

    What is written is the same however they interleave, if no two functions write the same file. The first call that fails
    is raised by a later one of its function, or at the end.
    """

    def __init__(self) -> None:
        self._queues: defaultdict[Call, _Queue] = defaultdict(_Queue)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            for queue in self._queues.values() if error is None else ():
                queue.settle(0)
        finally:
            for queue in self._queues.values():
                queue.pool.shutdown(cancel_futures=True)

    def __call__(self, call: Call, rows: Any) -> None:
        """Have it called when its turn comes."""
        queue = self._queues[call]
        queue.settle(WAITING - 1)
        queue.waiting.append(queue.pool.submit(call, rows))
