"""Parts side by side on the threads of this process."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from dataset.parameters import check_int
from pipeline.engines.engine import (
    Context,
    Part,
    Result,
    in_order,
    one_thread_a_kernel,
    prepare_process,
    processors,
)


@dataclass(frozen=True, kw_only=True)
class Threads:
    """As many parts at a time as there are threads; the kernels release the interpreter's lock.

    Parameters
    ----------
    threads : int or None
        None takes the processors that this process may use. Changes only speed and memory.
    """

    threads: int | None = None

    def __post_init__(self) -> None:
        if self.threads is not None:
            check_int(self, "threads", low=1, high=1024)

    @property
    def budget(self) -> int:
        """The threads."""
        return self.threads or processors()

    def map(
        self, function: Callable[[Context, Part], Result], context: Context, parts: Sequence[Part]
    ) -> Iterator[Result]:
        """Results in order; at most twice as many parts as threads are under way or waiting to be taken."""
        prepare_process()
        with ThreadPoolExecutor(self.budget, initializer=one_thread_a_kernel) as pool:

            def submit(part: Part) -> Future[Result]:
                return pool.submit(function, context, part)

            yield from in_order(submit, Future.result, Future.cancel, parts, 2 * self.budget)
