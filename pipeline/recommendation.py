"""Lists for every user, block by block: the model of a run, applied to a moment."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataset.candidates import Candidates
from dataset.constraints import Constraints
from dataset.dataset import Dataset
from dataset.errors import ParameterError
from dataset.parameters import check_bool, check_choice, check_int
from dataset.queries import Qrels, Queries
from dataset.ragged import Ragged
from dataset.snapshot import Requests, Snapshot
from pipeline.engines.engine import Engine
from pipeline.engines.threads import Threads
from pipeline.ladder.rungs import RANKER
from pipeline.list_cutting import ListCutting, longest
from pipeline.lists_folder import ListsFolder, Part
from pipeline.lists_table import Lists, lists_table
from pipeline.neighbourhoods import with_neighbours
from pipeline.progress import Stopwatch
from pipeline.reasons.reasons import LEVELS, Explanation, Reasons, told_by_model
from pipeline.two_stage import FittedTwoStage
from ranking.policy.caps import Caps
from ranking.policy.policy import Policy
from ranking.scorers.auto import Auto
from ranking.scorers.scorer import Scorer
from retrieval.popular import Popular
from retrieval.source import FittedSource

BACKFILL: Final = "backfill"
"""Stands in `sources` for an item that no source nominated: the list was filled up by popularity."""

POPULAR: Final = Popular(window_days=365.0)
"""What lists are filled up from; it knows every item of the catalogue."""


@dataclass(frozen=True)
class Answers:
    """A recommender at a moment, with what fills its lists up.

    Parameters
    ----------
    model : FittedTwoStage
    snapshot : Snapshot
        The one that stage one of `model` was fitted for; its queries are those to answer.
    popular : FittedSource
    k : int
        Length of the lists, wherever so many items are eligible and keep the caps.
    policy : Policy
    reasons : str
        One of `LEVELS`.
    """

    model: FittedTwoStage
    snapshot: Snapshot
    popular: FittedSource
    k: int
    policy: Policy = field(default_factory=Policy)
    reasons: str = "none"

    @cached_property
    def cutting(self) -> ListCutting:
        """What cuts the lists, by the policy and under the caps of the snapshot's constraints."""
        caps = Caps.of(self.snapshot.constraints, self.snapshot.items)
        policy = self.policy.fit(self.snapshot, self.model.stage_one.vectors)
        return ListCutting(self.popular, self.k, caps, policy)

    @cached_property
    def explanation(self) -> Explanation:
        """What reasons are read from."""
        return Explanation.of(self.model, self.snapshot)

    def lists(self, rows: npt.NDArray[np.int64]) -> Lists:
        """The lists of some of the queries."""
        requests = self.snapshot.requests(rows)
        candidates = self.model.stage_one.candidates(requests)
        ranked = self.cutting.cut(self.model, requests, candidates)
        at_row, column = np.nonzero(ranked.items >= 0)
        row = at_row.astype(np.int32)
        item, score = ranked.items[row, column], ranked.scores[row, column]
        at = _candidates_listed(candidates, row, item, np.isnan(score), len(self.snapshot.items))
        sources, names = _provenance(candidates, at)
        rung = self.model.rung(requests)
        return Lists(
            user=requests.queries.user,
            row=row,
            rank=(column + 1).astype(np.int32),
            item=item,
            score=score,
            sources=sources,
            names=names,
            rung=rung,
            rungs=tuple(one.name for one in self.model.rungs),
            reasons=self._reasons(requests, candidates, row, item, at, score, rung),
        )

    def _reasons(
        self,
        requests: Requests,
        candidates: Candidates,
        row: npt.NDArray[np.int32],
        item: npt.NDArray[np.int32],
        at: npt.NDArray[np.int64],
        score: npt.NDArray[np.float32],
        rung: npt.NDArray[np.int8],
    ) -> Reasons | None:
        """Why n listed items stand there; `at`: which candidate each is, -1 where it is none."""
        if self.reasons == "none":
            return None
        told = None
        if self.reasons == "full":
            is_ranked = np.array([one.answer == RANKER for one in self.model.rungs])[rung[row]]
            told = told_by_model(self.model, requests, candidates, np.where(is_ranked, at, -1), score)
        return self.explanation.of_lists(requests, row, item, told)


def _candidates_listed(
    candidates: Candidates,
    row: npt.NDArray[np.int32],
    item: npt.NDArray[np.int32],
    filled: npt.NDArray[np.bool_],
    n_items: int,
) -> npt.NDArray[np.int64]:
    """Which candidate each listed item is, int64 of shape (n,); -1 for those that were filled up."""
    keys = candidates.query.astype(np.int64) * n_items + candidates.item
    at = np.full(len(item), -1, np.int64)
    at[~filled] = np.searchsorted(keys, row[~filled].astype(np.int64) * n_items + item[~filled])
    return at


def _provenance(
    candidates: Candidates, at: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    """Which sources nominated each listed candidate: positions, int32 of shape (n,), and what they mean."""
    nominated = at >= 0
    bits = 1 << np.arange(len(candidates.sources), dtype=np.int64)[::-1]
    distinct, inverse = np.unique((candidates.ranks[at[nominated]] > 0) @ bits, return_inverse=True)
    names = [
        "|".join(name for name, bit in zip(candidates.sources, bits, strict=True) if combination & bit)
        for combination in distinct
    ]
    position = np.full(len(at), len(names), np.int32)
    position[nominated] = inverse
    return position, (*names, BACKFILL)


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """The specification of a batch of lists.

    Parameters
    ----------
    n : int
        Length of the lists, at least 1; shorter only where fewer items may be shown.
    as_of : str
        `latest`: stage one is fitted again on all events; `test`: as the run was measured.
    users : str
        `all`, or `warm`: only those with history.
    only : int32 array of shape (u,) or None
        Codes of the users, ascending, who may get a list; None: nobody is left out. Their lists are those
        that they would get among all.
    part_size : int
        Users a file. Memory grows with it.
    block_size : int
        Users worked on together. Memory grows with it; scores may change in their last bits.
    resume : bool
        Go on where lists of the same plan were cut short; false begins anew. The lists are the same.
    constraints : Constraints
        What is promised beside what the data says of products and users; drops none.
    policy : Policy
        What is wanted of a list beside its best items; changes the order of candidates, and so the lists.
    reasons : str
        What stands beside each item: `none`; `short`: the nearest item that the user has, and what both
        share; `full`: what each family of features added to the score, too. Changes no list, only speed.
    costs : bool or None
        Whether the certificate says what each promise and policy costs, measured on the test of the run.
        None: where `as_of` is `test`. Changes no list.
    scorer : Scorer
        How the ranker's trees are added up. Changes only speed.
    engine : Engine
        Changes only speed and memory.
    stopwatch : Stopwatch
    """

    n: int = 50
    as_of: str = "latest"
    users: str = "all"
    only: npt.NDArray[np.int32] | None = None
    part_size: int = 20_000
    block_size: int = 2048
    resume: bool = True
    constraints: Constraints = field(default_factory=Constraints)
    policy: Policy = field(default_factory=Policy)
    reasons: str = "none"
    costs: bool | None = None
    scorer: Scorer = field(default_factory=Auto)
    engine: Engine = field(default_factory=Threads)
    stopwatch: Stopwatch = field(default_factory=Stopwatch, compare=False)

    def __post_init__(self) -> None:
        for name in ("n", "part_size", "block_size"):
            check_int(self, name, low=1)
        check_choice(self, "as_of", ("latest", "test"))
        check_choice(self, "users", ("all", "warm"))
        check_choice(self, "reasons", LEVELS)
        check_bool(self, "resume")
        if self.costs is not None:
            check_bool(self, "costs")
        if self.constraints.dropped:
            raise ParameterError("Constraints", "dropped", "empty for lists", self.constraints.dropped)

    @property
    def measures_costs(self) -> bool:
        """Whether the certificate says what each promise and policy costs."""
        return self.as_of == "test" if self.costs is None else self.costs

    def n_parts(self, snapshot: Snapshot) -> int:
        """How many parts the lists of every query of `snapshot` make."""
        return -(-len(snapshot.queries) // self.part_size)

    def asked(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with the users who get a list as its queries, under the constraints, and no truth."""
        time = np.full(len(snapshot.users), snapshot.cutoff, np.int64)
        time[snapshot.queries.user] = snapshot.queries.time
        user = np.arange(len(snapshot.users), dtype=np.int32) if self.only is None else self.only
        if self.users == "warm":
            user = user[snapshot.histories.lengths[user] > 0]
        truth = Qrels(Ragged.empty(len(user)), np.zeros(0, np.int8))
        queries = Queries(user, time[user])
        return replace(snapshot, queries=queries, truth=truth, constraints=self.constraints)

    def write(
        self,
        model: FittedTwoStage,
        snapshot: Snapshot,
        dataset: Dataset,
        folder: ListsFolder,
        run_id: str,
        missing: Collection[int],
        after_part: Callable[[], None] = lambda: None,
    ) -> dict[int, Part]:
        """Write parts of the lists, each as soon as it is made; what they are, by number.

        Parameters
        ----------
        model : FittedTwoStage
        snapshot : Snapshot
            Its queries are answered, `part_size` of them a part.
        dataset : Dataset
        folder : ListsFolder
        run_id : str
            Stands in every row.
        missing : collection of int
            Numbers of the parts to write; of others no block is computed.
        after_part : callable
            Called when a part is written.
        """
        stage_one = with_neighbours(model.stage_one, snapshot, self.engine, self.stopwatch)
        model = replace(model, stage_one=stage_one)
        popular, k = POPULAR.fit(snapshot, {}), longest(snapshot, self.n)
        answers = Answers(model, snapshot, popular, k, policy=self.policy, reasons=self.reasons)
        users = pa.array(dataset.user_ids.ids, pa.string())
        items = pa.array(dataset.item_ids.ids, pa.string())
        written = {}
        for number, part in self._parts(answers, missing):
            counts = dict.fromkeys(("users", "short_lists", "filled_up"), 0)
            for lists in part:
                lengths = np.bincount(lists.row, minlength=len(lists.user))
                counts["users"] += len(lists.user)
                counts["short_lists"] += int((lengths < self.n).sum())
                counts["filled_up"] += int((lists.sources == len(lists.names) - 1).sum())
            table = lists_table(part, users, items, run_id, lambda: answers.explanation)
            written[number] = folder.add(number, table, counts)
            after_part()
        return written

    def _parts(self, answers: Answers, missing: Collection[int]) -> Iterator[tuple[int, list[Lists]]]:
        """The blocks of each missing part, in order; blocks of the next are under way meanwhile."""
        n = len(answers.snapshot.queries)
        blocks = [
            np.arange(start, min(start + self.block_size, part + self.part_size, n))
            for part in range(0, n, self.part_size)
            if part // self.part_size in missing
            for start in range(part, min(part + self.part_size, n), self.block_size)
        ]
        part: list[Lists] = []
        results = self.engine.map(Answers.lists, answers, blocks)
        tracked = self.stopwatch.track(results, len(blocks), "lists")
        for rows, lists in zip(blocks, tracked, strict=True):
            part.append(lists)
            if (rows[-1] + 1) % self.part_size == 0 or rows[-1] + 1 == n:
                yield int(rows[0]) // self.part_size, part
                part = []
