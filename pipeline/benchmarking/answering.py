"""Who answers a block of queries, stage by stage under a clock: the two stages, and the reference points."""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from dataset.candidates import Candidates
from dataset.dataset import Oracle
from dataset.ordering import top_k_of_rows, top_k_of_segments
from dataset.ragged import offsets_of
from dataset.ranked import Ranked
from dataset.snapshot import Requests, Snapshot
from pipeline.benchmarking.asking import exhausting
from pipeline.benchmarking.clock import Clock, ClockedFeatures, ClockedModel
from pipeline.list_cutting import ListCutting
from pipeline.recommendation import POPULAR
from pipeline.two_stage import FittedTwoStage
from ranking.policy.caps import Caps
from retrieval.fusion import FittedRetrieval
from retrieval.source import FittedSource


class Answering(Protocol):
    """Answers a block of queries."""

    @property
    def clock(self) -> Clock:
        """What the seconds of each stage are counted with."""
        ...

    def answer(self, requests: Requests, k: int) -> tuple[Ranked, Candidates | None]:
        """Lists of k items, and the candidates that they were chosen from, where there are any."""
        ...


@dataclass(frozen=True)
class AsExperiment:
    """The two stages as `glowrank experiment` runs them to measure: every feature of every candidate.

    Parameters
    ----------
    model : FittedTwoStage
    clock : Clock
    """

    model: FittedTwoStage
    clock: Clock

    def answer(self, requests: Requests, k: int) -> tuple[Ranked, Candidates]:
        """See `Answering`."""
        candidates = self.model.stage_one.candidates(requests)
        scores = self.model.score(requests, candidates, self.model.matrix(requests, candidates))
        return top_k_of_segments(candidates.offsets, candidates.item, scores, k), candidates


@dataclass(frozen=True)
class AsRecommend:
    """The two stages as `glowrank recommend` runs them: lists cut and filled up.

    Parameters
    ----------
    model : FittedTwoStage
    cutting : ListCutting
    clock : Clock
    exhaustively : bool
        Whether all that a user may get is ranked, not what the sources nominate.
    """

    model: FittedTwoStage
    cutting: ListCutting
    clock: Clock
    exhaustively: bool

    @classmethod
    def of(
        cls, model: FittedTwoStage, snapshot: Snapshot, k: int, *, exhaustively: bool = False
    ) -> "AsRecommend":
        """With lists of k items under the caps of the snapshot's constraints."""
        clock = Clock()
        model = exhausting(model) if exhaustively else model
        features: Any = ClockedFeatures(model.stage_one.features, clock)
        model = replace(model, stage_one=replace(model.stage_one, features=features))
        caps = Caps.of(snapshot.constraints, snapshot.items)
        return cls(model, ListCutting(POPULAR.fit(snapshot, {}), k, caps), clock, exhaustively)

    def answer(self, requests: Requests, k: int) -> tuple[Ranked, Candidates]:
        """See `Answering`; k as `of` was told."""
        stage_one = self.model.stage_one
        with self.clock.inside("search"):
            if self.exhaustively:
                candidates = everything(stage_one.retrieval, requests)
            else:
                candidates = stage_one.candidates(requests)
        clocked: Any = ClockedModel(self.model, self.clock)
        with self.clock.inside("cutting"):
            return self.cutting.cut(clocked, requests, candidates), candidates


@dataclass(frozen=True)
class Alone:
    """A source without a stage two.

    Parameters
    ----------
    source : FittedSource
    clock : Clock
    """

    source: FittedSource
    clock: Clock

    def answer(self, requests: Requests, k: int) -> tuple[Ranked, None]:
        """See `Answering`."""
        with self.clock.inside("search"):
            return self.source.retrieve(requests, k), None


@dataclass(frozen=True)
class Omniscient:
    """The true probabilities of a generated shop.

    Parameters
    ----------
    oracle : Oracle
    clock : Clock
    """

    oracle: Oracle
    clock: Clock

    def answer(self, requests: Requests, k: int) -> tuple[Ranked, None]:
        """See `Answering`."""
        with self.clock.inside("search"):
            probability = self.oracle.probabilities(requests.queries.user, requests.queries.time)
            return top_k_of_rows(np.where(requests.eligibility.masks(), probability, -np.inf), k), None


def everything(retrieval: FittedRetrieval, requests: Requests) -> Candidates:
    """All that each user may get as candidates, with the scores and ranks that the sources give in a pool.

    Where the pool leaves out what came too late for its budget, the ranks of it are here. What features say
    of a candidate among the others of its query, they say of the whole catalogue, so a query cannot be cut
    into blocks of items: memory is set by one user's catalogue, or by that of a block of users.
    """
    n_items = len(requests.eligibility.available)
    query, at_item = np.nonzero(requests.eligibility.masks())
    offsets = offsets_of(np.bincount(query, minlength=len(requests)))
    pairs, item = query * n_items + at_item, at_item.astype(np.int32)
    scores = np.empty((len(item), len(retrieval.sources)), np.float32)
    ranks = np.zeros(scores.shape, np.int16)
    for at, (source, quota) in enumerate(zip(retrieval.sources.values(), retrieval.quotas, strict=True)):
        scores[:, at] = source.score(requests, offsets, item)
        if quota > 0:
            lists = source.retrieve(requests, quota)
            row, place = np.nonzero(lists.items >= 0)
            ranks[np.searchsorted(pairs, row * n_items + lists.items[row, place]), at] = place + 1
    return Candidates(offsets, item, tuple(retrieval.sources), scores, ranks)
