"""The ladder: from how many events on a richer answer is trusted, as a backtest says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataset.errors import ParameterError
from dataset.parameters import check_ascending, check_int, check_mapping
from evaluation.intervals import Bootstrap, bootstrap
from pipeline.engines.engine import Engine
from pipeline.ladder.backtest import Backtest, judged
from pipeline.ladder.rungs import FUSION, RANKER, FittedLadder, Rung

LEAST: Final = 30  # users of a band below whom nothing is said against the richer rung


@dataclass(frozen=True, kw_only=True)
class Step:
    """A rung as it is asked for.

    Parameters
    ----------
    answer : str
        Who answers: the name of a source, in the order of its nominations; `fusion`, all sources by
        reciprocal rank; `ranker`, the full model. A rung is left out where its source is.
    events : int
        Events that a user needs for this answer to mean anything; the backtest may ask for more.
    """

    answer: str
    events: int = 0

    def __post_init__(self) -> None:
        check_int(self, "events", low=0)
        if not isinstance(self.answer, str):
            raise ParameterError("Step", "answer", "a source, fusion or ranker", self.answer)


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """Rungs from the poorest to the richest, each beginning where a backtest no longer shows it to be worse.

    The backtest is on the validation snapshot, with a ranker that has learnt only from the snapshots before
    it. In each band of history lengths nDCG of every rung's answer is compared with that of the poorer ones,
    user by user. From the richest rung down, each takes the bands from the top as long as no difference has
    its 95 % interval below 0. So the richer answer keeps its place unless the data speaks against it.

    Parameters
    ----------
    rungs : mapping of str to Step
        Poorest first, and so by the events that they need; that of the ranker is no matter. One is `fusion`,
        from 0 events on: it can always answer.
    bands : sequence of int
        Numbers of events at which a rung may begin, ascending from 0. Changes results.
    max_queries : int
        Users a band that are looked at. Changes results a little, and the time.
    at : int
        Cut-off k of nDCG.
    n_resamples, seed : int
        Of the bootstrap.
    """

    rungs: Mapping[str, Step]
    bands: Sequence[int] = (0, 1, 2, 5)
    max_queries: int = 1000
    at: int = 10
    n_resamples: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        check_mapping(self, "rungs")
        check_ascending(self, "bands", self.bands, low=0, whole=True)
        for name in ("max_queries", "at", "n_resamples"):
            check_int(self, name, low=1)
        check_int(self, "seed", low=0)
        if self.bands[0] != 0:
            raise ParameterError("Ladder", "bands", "ascending from 0", self.bands)
        needed = [step.events for step in self.rungs.values() if step.answer != RANKER]
        has_fusion = any(step.answer == FUSION and step.events == 0 for step in self.rungs.values())
        if needed != sorted(needed) or not has_fusion:
            expected = "a mapping to steps with ascending events, one of which is fusion from 0 events on"
            raise ParameterError("Ladder", "rungs", expected, dict(self.rungs))

    def fit(self, test: Backtest, engine: Engine, block_size: int, warm_only: bool) -> FittedLadder:
        """Judge every answer, and set the steps.

        Parameters
        ----------
        test : Backtest
            Its answers and cut-off are replaced.
        engine : Engine
            Changes only speed and memory.
        block_size : int
            Users worked on together.
        warm_only : bool
            Whether the ranker learnt from users with history alone: without any, it would have to guess.
        """
        snapshot, steps = test.snapshot, self._there(test.stage_one.retrieval.nominators, warm_only)
        lengths = snapshot.histories.lengths[snapshot.queries.user]
        band = np.searchsorted(self.bands, lengths, side="right") - 1
        rows = self._drawn(band, snapshot.truth.items.lengths > 0)
        test = replace(test, answers=tuple(step.answer for step in steps.values()), k=self.at)
        blocks = [rows[start : start + block_size] for start in range(0, len(rows), block_size)]
        values = np.concatenate([np.zeros((0, len(steps))), *engine.map(judged, test, blocks)])
        return self.set(steps, band[rows], values, snapshot.name)

    def set(
        self,
        steps: Mapping[str, Step],
        band: npt.NDArray[np.integer],
        values: npt.NDArray[np.float64],
        snapshot: str = "validation",
    ) -> FittedLadder:
        """Set the steps by what each rung's answer was worth to each user.

        Parameters
        ----------
        steps : mapping of str to Step
            Rungs that can be used, poorest first.
        band : int array of shape (m,)
            Position in `bands` of each user's.
        values : float64 array of shape (m, len(steps))
        snapshot : str
            Where that was measured; stands in the figures.
        """
        found = [self._compared(steps, values[band == at], start) for at, start in enumerate(self.bands)]
        names, above = list(steps), len(self.bands)
        rungs: list[Rung] = []
        for at in reversed(range(len(names))):
            name, step = names[at], steps[names[at]]
            first = above
            while first > 0 and self.bands[first - 1] >= step.events and not found[first - 1].is_worse[name]:
                first -= 1
            if first < above:
                rungs.insert(0, Rung(name, step.answer, int(self.bands[first])))
                above = first
        return FittedLadder(
            tuple(rungs),
            {
                "metric": f"ndcg@{self.at}",
                "snapshot": snapshot,
                "never": [name for name in names if name not in {rung.name for rung in rungs}],
                "bands": {self._label(at): band.told for at, band in enumerate(found)},
            },
        )

    def _there(self, nominators: Sequence[str], warm_only: bool) -> dict[str, Step]:
        """The rungs that can be used, the ranker's where it has something to go by."""
        there = {
            name: step
            for name, step in self.rungs.items()
            if step.answer in (FUSION, RANKER) or step.answer in nominators
        }
        learnt = {name: step for name, step in there.items() if step.answer == RANKER and warm_only}
        return there | {name: replace(step, events=max(1, step.events)) for name, step in learnt.items()}

    def _drawn(
        self, band: npt.NDArray[np.integer], has_truth: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int64]:
        """Queries to look at, ascending; codes of users follow a hash, so the first of a band are any."""
        rows = [np.flatnonzero(has_truth & (band == at))[: self.max_queries] for at in range(len(self.bands))]
        return np.sort(np.concatenate(rows))

    def _compared(self, steps: Mapping[str, Step], values: npt.NDArray[np.float64], start: int) -> "_Band":
        """The figures of a band, and which rungs are worse than a poorer one there."""
        names = [name for name, step in steps.items() if step.events <= start]
        columns = np.array([list(steps).index(name) for name in names], np.int64)
        drawn: Bootstrap = bootstrap(values[:, columns], n_resamples=self.n_resamples, seed=self.seed)
        pairs = [(rich, poor) for rich in range(len(names)) for poor in range(rich)]
        richer, poorer = (np.array([pair[side] for pair in pairs], np.int64) for side in (0, 1))
        differences = drawn.differences(richer, poorer)
        is_worse = dict.fromkeys(names, False)
        for (rich, _), difference in zip(pairs, differences, strict=True):
            is_worse[names[rich]] |= len(values) >= LEAST and difference.high < 0
        told = {
            "users": len(values),
            "answers": {
                name: one.as_json() for name, one in zip(names, drawn.intervals(), strict=True) if len(values)
            },
            "differences": {
                f"{names[rich]} - {names[poor]}": difference.as_json()
                for (rich, poor), difference in zip(pairs, differences, strict=True)
                if len(values)
            },
        }
        return _Band(is_worse, told)

    def _label(self, at: int) -> str:
        if at + 1 == len(self.bands):
            return f"{self.bands[at]} and more"
        last = self.bands[at + 1] - 1
        return f"{last}" if last == self.bands[at] else f"{self.bands[at]} to {last}"


@dataclass(frozen=True)
class _Band:
    is_worse: Mapping[str, bool]
    told: Mapping[str, Any]
