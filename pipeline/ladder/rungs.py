"""The rungs of a ladder once they are set: who answers users with how many events."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.persistence import Saved
from ranking.reciprocal_rank_fusion import ReciprocalRankFusion

RANKER: Final = "ranker"
"""The answer of the full model."""

FUSION: Final = "fusion"
"""The answer of all sources: the sum of their reciprocal ranks."""


@dataclass(frozen=True)
class Rung(Saved):
    """A rung that users stand on.

    Parameters
    ----------
    name : str
    answer : str
        `RANKER`, `FUSION` or the name of a source.
    events : int
        Users with at least so many events stand on it, as far as no later rung takes them.
    """

    name: str
    answer: str
    events: int


@dataclass(frozen=True)
class FittedLadder(Saved):
    """Rungs that users stand on, by the length of their history.

    Parameters
    ----------
    rungs : tuple of Rung
        `events` strictly ascending, from 0.
    backtest : mapping
        What the steps were set by, as in `ladder.json`.
    """

    rungs: tuple[Rung, ...]
    backtest: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """What `ladder.json` holds."""
        ends = [rung.events - 1 for rung in self.rungs[1:]] + [None]
        steps = {
            rung.name: {"answer": rung.answer, "from_events": rung.events, "to_events": end}
            for rung, end in zip(self.rungs, ends, strict=True)
        }
        return {"rungs": steps, **self.backtest}


def standing(rungs: tuple[Rung, ...], lengths: npt.NDArray[np.integer]) -> npt.NDArray[np.int8]:
    """On which rung users with so many events stand: positions, int8 of the shape of `lengths`.

    Examples
    --------
    >>> standing((Rung("fusion", FUSION, 0), Rung("full", RANKER, 2)), np.array([0, 1, 2, 9]))
    array([0, 0, 1, 1], dtype=int8)
    """
    starts = np.array([rung.events for rung in rungs])
    return (np.searchsorted(starts, lengths, side="right") - 1).astype(np.int8)


def votes(answer: str, candidates: Candidates) -> npt.NDArray[np.float32]:
    """Scores by which a rung without the ranker orders candidates, float32 of shape (n,).

    Parameters
    ----------
    answer : str
        `FUSION`, or the name of a source: what it nominated, in its order, scored 1 / rank; behind that,
        below 0, the others in the order of the fusion, so that nobody's list ends early.
    candidates : Candidates
    """
    fused = ReciprocalRankFusion().score(candidates, None)
    if answer == FUSION:
        return fused
    rank = candidates.rank_of(answer)
    behind = fused - np.float32(1 + len(candidates.sources) / 61)  # a first place is worth 1 / 61
    return np.where(rank > 0, 1 / np.maximum(rank, 1).astype(np.float32), behind).astype(np.float32)
