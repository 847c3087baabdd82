"""What a fit would have cost without the cache: seconds are remembered beside the values."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from pipeline.artefacts import write_text
from pipeline.cache import Cache

Value = TypeVar("Value")
LEDGER: Final = "seconds"


@dataclass(frozen=True)
class MeasuringCache(Cache):
    """A cache that knows how long each of its values took.

    A value that is there without its seconds, from another command, is computed once more to learn them. What
    other stages were read on the way counts with their own seconds.

    Parameters
    ----------
    folder : Path or None
    spent : dict of str to float
        Seconds of work by kind of stage, of the values that were asked for so far, those inside others in
        these.
    """

    spent: dict[str, float] = field(default_factory=dict, compare=False)
    _open: threading.local = field(default_factory=threading.local, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def remember(self, kind: str, key: str, compute: Callable[[], Value]) -> Value:
        """As of `Cache`, and the seconds are added up."""
        start = time.perf_counter()
        place = None if self.folder is None else self.folder / LEDGER / kind / key[:32]
        seconds = _read(place)
        if seconds is None:
            computed, seconds = self._timed(compute)
            value = super().remember(kind, key, lambda: computed)
            if place is not None:
                write_text(place, repr(seconds))
        else:
            value = super().remember(kind, key, compute)
        if around := self._frames():
            around[-1] += seconds - (time.perf_counter() - start)
        else:
            with self._lock:
                self.spent[kind] = self.spent.get(kind, 0.0) + seconds
        return value

    def _timed(self, compute: Callable[[], Value]) -> tuple[Value, float]:
        frames = self._frames()
        frames.append(0.0)
        start = time.perf_counter()
        try:
            value = compute()
        finally:
            saved = frames.pop()
        return value, time.perf_counter() - start + saved

    def _frames(self) -> list[float]:
        """Of the stages that this thread is in: seconds that reading inner ones has saved it."""
        if not hasattr(self._open, "frames"):
            self._open.frames = []
        frames: list[float] = self._open.frames
        return frames


def _read(place: Path | None) -> float | None:
    try:
        return None if place is None else float(place.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
