"""One part after the other."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pipeline.engines.engine import Context, Part, Result, prepare_process


@dataclass(frozen=True, kw_only=True)
class Serial:
    """One part after the other, in the calling thread."""

    @property
    def budget(self) -> int:
        """One."""
        return 1

    def map(
        self, function: Callable[[Context, Part], Result], context: Context, parts: Sequence[Part]
    ) -> Iterator[Result]:
        """Results in order; see `Engine`."""
        prepare_process()
        for part in parts:
            yield function(context, part)
