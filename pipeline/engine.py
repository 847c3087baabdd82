"""How blocks of work are spread: one after the other, or over threads.

Parallelism lies between blocks and never inside one: every kernel runs on one thread, and results are
taken in the order of the parts. So they are byte-equal for any number of workers.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, TypeVar

from threadpoolctl import threadpool_limits

from dataset.parameters import check_int

Part = TypeVar("Part")
Result = TypeVar("Result")


class Engine(Protocol):
    """Runs a function over parts."""

    @property
    def workers(self) -> int:
        """How many parts are worked on at a time; the thread budget. Changes only speed and memory."""
        ...

    def map(self, function: Callable[[Part], Result], parts: Sequence[Part]) -> Iterator[Result]:
        """Results in the order of the parts, each given out as soon as it and all before it are done."""
        ...


@dataclass(frozen=True, kw_only=True)
class Serial:
    """One part after the other, in the calling thread."""

    @property
    def workers(self) -> int:
        """One."""
        return 1

    def map(self, function: Callable[[Part], Result], parts: Sequence[Part]) -> Iterator[Result]:
        """Results in order."""
        one_thread_a_kernel()
        return map(function, parts)


@dataclass(frozen=True, kw_only=True)
class Threads:
    """As many parts at a time as there are threads; the kernels release the interpreter's lock.

    Parameters
    ----------
    threads : int or None
        None takes the processors that this process may use.
    """

    threads: int | None = None

    def __post_init__(self) -> None:
        if self.threads is not None:
            check_int(self, "threads", low=1, high=1024)

    @property
    def workers(self) -> int:
        """The thread budget."""
        return self.threads or len(os.sched_getaffinity(0))

    def map(self, function: Callable[[Part], Result], parts: Sequence[Part]) -> Iterator[Result]:
        """Results in order; at most twice as many parts as threads are under way or waiting to be taken."""
        one_thread_a_kernel()
        with ThreadPoolExecutor(self.workers, initializer=one_thread_a_kernel) as pool:
            waiting: deque[Future[Result]] = deque()
            try:
                for part in parts:
                    waiting.append(pool.submit(function, part))
                    if len(waiting) >= 2 * self.workers:
                        yield waiting.popleft().result()
                while waiting:
                    yield waiting.popleft().result()
            finally:
                for future in waiting:
                    future.cancel()


def one_thread_a_kernel() -> None:
    """Hold BLAS (in this process) and OpenMP (in this thread) to one thread each.

    A matrix product may differ in its last bits with the number of threads; blocks that run side by side
    would also fight for the processors.
    """
    threadpool_limits(1)
