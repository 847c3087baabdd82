"""What a person sees while it runs, and what it took: stages with their seconds and memory."""

import os
import resource
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

Part = TypeVar("Part")


@dataclass
class Stopwatch:
    """Wall-clock seconds by stage, thread-seconds inside blocks, peak memory.

    Parameters
    ----------
    console : Console
        Where stages are shown; nowhere by default, as suits a library.
    """

    console: Console = field(default_factory=lambda: Console(quiet=True))
    seconds: dict[str, float] = field(default_factory=dict)
    inside_blocks: dict[str, float] = field(default_factory=dict)
    peak_mb: dict[str, float] = field(default_factory=dict)
    _inner: list[float] = field(default_factory=list)
    _started: float = field(default_factory=time.perf_counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage and say when it is done; stages inside it count for themselves alone."""
        start = time.perf_counter()
        self._inner.append(0.0)
        try:
            yield
        finally:
            elapsed = time.perf_counter() - start
            took = elapsed - self._inner.pop()
            if self._inner:
                self._inner[-1] += elapsed
            self.seconds[name] = self.seconds.get(name, 0.0) + took
            self.peak_mb[name] = peak_rss_mb()
            self.console.print(f"[dim]{name.replace('_', ' '):<18}{took:8.1f} s[/]", highlight=False)

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Add the seconds of a kernel inside a block; safe to use from several threads."""
        start = time.perf_counter()
        try:
            yield
        finally:
            with self._lock:
                took = time.perf_counter() - start
                self.inside_blocks[name] = self.inside_blocks.get(name, 0.0) + took

    def track(self, parts: Iterable[Part], total: int, what: str) -> Iterator[Part]:
        """Show a bar while `parts` are taken; nothing where no terminal is attached."""
        columns = (SpinnerColumn(), TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        shown = self.console.is_terminal
        with Progress(*columns, console=self.console, transient=True, disable=not shown) as bar:
            yield from bar.track(parts, total=total)

    @property
    def total(self) -> float:
        """Seconds since the stopwatch was made."""
        return time.perf_counter() - self._started


def output() -> Console:
    """Standard output for tables: as wide as the terminal, or wide enough where there is none."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else 120
    return Console(width=width)


def peak_rss_mb() -> float:
    """Largest resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
