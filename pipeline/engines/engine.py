"""What every engine is, and the order that all of them keep.

Parallelism lies between parts and never inside one: every kernel runs on one thread, the number of parts
belongs to the data, and results are taken in the order of the parts. So they are byte-equal on every engine
and for any number of workers.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, Protocol, TypeVar

from threadpoolctl import threadpool_limits

from dataset.errors import ResourceError

Context = TypeVar("Context")
Part = TypeVar("Part")
Result = TypeVar("Result")
Pending = TypeVar("Pending")

_PROCESS: Final = os.getpid()


class Engine(Protocol):
    """Runs a function over parts."""

    @property
    def budget(self) -> int:
        """Threads that the calling process may use itself while no part is under way. Changes only speed."""
        ...

    def map(
        self, function: Callable[[Context, Part], Result], context: Context, parts: Sequence[Part]
    ) -> Iterator[Result]:
        """Results in the order of the parts, each given out as soon as it and all before it are done.

        Parameters
        ----------
        function : callable
            Of a module or a class, so that another process finds it by its name. It may be called twice for
            one part, where a worker was lost, and writes nothing that a second call would not write again.
        context : frozen dataclass
            What is equal for all parts, and big: of saved values, specifications and plain values, alone or
            in tuples and mappings. Where a worker is another process, it is written once, as a folder that
            is verified and mapped into memory. Seconds inside a `stopwatch` among its fields are added up.
        parts : sequence
            Small: rows of a block, names.
        """
        ...


def in_order(
    submit: Callable[[Part], Pending],
    take: Callable[[Pending], Result],
    cancel: Callable[[Pending], Any],
    parts: Sequence[Part],
    ahead: int,
) -> Iterator[Result]:
    """Results in the order of the parts; at most `ahead` of them are under way or waiting to be taken."""
    waiting: deque[Pending] = deque()
    try:
        for part in parts:
            waiting.append(submit(part))
            if len(waiting) >= ahead:
                yield take(waiting.popleft())
        while waiting:
            yield take(waiting.popleft())
    finally:
        for pending in waiting:
            cancel(pending)


def prepare_process() -> None:
    """Make a process fit for kernels; every engine calls it in each process that computes.

    Raises
    ------
    ResourceError
        In a process that was forked from one with the libraries loaded: OpenMP's threads are not copied, and
        the first kernel would wait for them for ever.
    """
    if os.getpid() != _PROCESS:
        raise ResourceError(
            "An engine must run in a process that was started anew. Got one that was forked, where OpenMP "
            "would hang; take multiprocessing's spawn, or engine=processes, which does."
        )
    one_thread_a_kernel()


def one_thread_a_kernel() -> None:
    """Hold BLAS (in this process) and OpenMP (in this thread) to one thread each.

    A matrix product may differ in its last bits with the number of threads; parts that run side by side
    would also fight for the processors.
    """
    threadpool_limits(1)


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))
