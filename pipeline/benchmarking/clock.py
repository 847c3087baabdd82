"""Where the seconds of a block go, each stage without those inside it."""

import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from dataset.candidates import Candidates
from dataset.feature_matrix import FeatureMatrix
from dataset.ranked import Ranked
from dataset.snapshot import Requests
from features.feature_set import FittedFeatures
from pipeline.two_stage import FittedTwoStage


class Clock(threading.local):
    """Seconds by stage of the block that this thread is at; every thread has its own."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._inner: list[float] = []

    @contextmanager
    def inside(self, name: str) -> Iterator[None]:
        """Add the seconds of a stage, those of stages within it left out."""
        start = time.perf_counter()
        self._inner.append(0.0)
        try:
            yield
        finally:
            elapsed = time.perf_counter() - start
            own = elapsed - self._inner.pop()
            if self._inner:
                self._inner[-1] += elapsed
            self.seconds[name] = self.seconds.get(name, 0.0) + own

    def take(self) -> dict[str, float]:
        """What was counted since the last call."""
        counted, self.seconds = self.seconds, {}
        return counted


@dataclass(frozen=True)
class ClockedFeatures:
    """Features that tell the clock how long they take; a model takes them for its own.

    Parameters
    ----------
    features : FittedFeatures
    clock : Clock
    """

    features: FittedFeatures
    clock: Clock

    def giving(self, names: Collection[str]) -> "ClockedFeatures":
        """As of `FittedFeatures`."""
        return ClockedFeatures(self.features.giving(names), self.clock)

    def without(self, other: "ClockedFeatures") -> "ClockedFeatures":
        """As of `FittedFeatures`."""
        return ClockedFeatures(self.features.without(other.features), self.clock)

    def transform(self, requests: Requests, candidates: Candidates) -> FeatureMatrix:
        """As of `FittedFeatures`."""
        with self.clock.inside("features"):
            return self.features.transform(requests, candidates)


@dataclass(frozen=True)
class ClockedModel:
    """A model whose order is clocked, for what cuts lists from it.

    Parameters
    ----------
    model : FittedTwoStage
    clock : Clock
    """

    model: FittedTwoStage
    clock: Clock

    def order(self, requests: Requests, candidates: Candidates, k: int) -> Ranked:
        """As of `FittedTwoStage`."""
        with self.clock.inside("ranking"):
            return self.model.order(requests, candidates, k)
