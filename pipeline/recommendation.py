"""Lists for every user, block by block: the model of a run, applied to a moment."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataset.candidates import Candidates
from dataset.dataset import Dataset
from dataset.parameters import check_bool, check_choice, check_int
from dataset.queries import Qrels, Queries
from dataset.ragged import Ragged
from dataset.ranked import Ranked
from dataset.snapshot import Snapshot
from dataset.splits.rules import is_among
from pipeline.engine import Engine, Threads
from pipeline.lists_folder import ListsFolder, Part
from pipeline.progress import Stopwatch
from pipeline.two_stage import FittedTwoStage
from retrieval.popular import Popular
from retrieval.source import FittedSource

BACKFILL: Final = "backfill"
"""Stands in `sources` for an item that no source nominated: the list was filled up by popularity."""

POPULAR: Final = Popular(window_days=365.0)
"""What lists are filled up from; it knows every item of the catalogue."""


@dataclass(frozen=True)
class Lists:
    """The lists of a block of users, a row an item, by user, then rank: n rows.

    Parameters
    ----------
    user : int32 array of shape (m,)
        Codes of the block's users, ascending.
    row : int32 array of shape (n,)
        Position in `user`.
    rank : int32 array of shape (n,)
        From 1.
    item : int32 array of shape (n,)
    score : float32 array of shape (n,)
        The ranker's; NaN for items filled up from popularity, which it did not see.
    sources : int32 array of shape (n,)
        Position in `names`.
    names : tuple of str
        The combinations of sources, joined by "|".
    """

    user: npt.NDArray[np.int32]
    row: npt.NDArray[np.int32]
    rank: npt.NDArray[np.int32]
    item: npt.NDArray[np.int32]
    score: npt.NDArray[np.float32]
    sources: npt.NDArray[np.int32]
    names: tuple[str, ...]


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
        Length of the lists, wherever so many items are eligible.
    """

    model: FittedTwoStage
    snapshot: Snapshot
    popular: FittedSource
    k: int

    def lists(self, rows: npt.NDArray[np.int64]) -> Lists:
        """The lists of some of the queries."""
        requests = self.snapshot.requests(rows)
        candidates = self.model.stage_one.candidates(requests)
        ranked = self.model.order(requests, candidates, self.k)
        items = ranked.items.copy()
        short = np.flatnonzero(ranked.lengths < np.minimum(self.k, requests.eligibility.n_eligible))
        if len(short):
            found = self.popular.retrieve(self.snapshot.requests(rows[short]), self.k)
            items[short] = filled_up(ranked.take(short), found, len(self.snapshot.items))
        row, column = np.nonzero(items >= 0)
        filled = ranked.items[row, column] < 0
        item = items[row, column]
        sources, names = _provenance(candidates, row, item, filled, len(self.snapshot.items))
        return Lists(
            user=requests.queries.user,
            row=row.astype(np.int32),
            rank=(column + 1).astype(np.int32),
            item=item,
            score=np.where(filled, np.float32(np.nan), ranked.scores[row, column]),
            sources=sources,
            names=names,
        )


def filled_up(ranked: Ranked, more: Ranked, n_items: int) -> npt.NDArray[np.int32]:
    """Short lists, each continued by the first of `more` that are not in it yet.

    Returns
    -------
    int32 array of the shape of `ranked.items`
        -1 behind the end of lists that stay short.

    Examples
    --------
    >>> zeros = np.zeros((1, 3), np.float32)
    >>> filled_up(Ranked(np.array([[5, -1, -1]], np.int32), zeros),
    ...           Ranked(np.array([[7, 5, 6]], np.int32), zeros), 9)
    array([[5, 7, 6]], dtype=int32)
    """
    items = ranked.items.copy()
    k = items.shape[1]
    row, column = np.nonzero(items >= 0)
    own = row.astype(np.int64) * n_items + items[row, column]
    row, column = np.nonzero(more.items >= 0)
    item = more.items[row, column]
    new = ~is_among(row.astype(np.int64) * n_items + item, own)
    row, item = row[new], item[new]
    before = np.arange(len(row)) - np.searchsorted(row, row)  # new items of the same row that come first
    place = ranked.lengths[row] + before
    fits = place < k
    items[row[fits], place[fits]] = item[fits]
    return items


def _provenance(
    candidates: Candidates,
    row: npt.NDArray[np.int64],
    item: npt.NDArray[np.int32],
    filled: npt.NDArray[np.bool_],
    n_items: int,
) -> tuple[npt.NDArray[np.int32], tuple[str, ...]]:
    """Which sources nominated each listed item: positions, int32 of shape (n,), and what they mean."""
    keys = candidates.query.astype(np.int64) * n_items + candidates.item
    at = np.searchsorted(keys, row[~filled] * n_items + item[~filled])
    distinct, inverse = np.unique(candidates.ranks[at] > 0, axis=0, return_inverse=True)
    names = [
        "|".join(name for name, nominated in zip(candidates.sources, flags, strict=True) if nominated)
        for flags in distinct
    ]
    position = np.full(len(item), len(names), np.int32)
    position[~filled] = inverse.reshape(-1)
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
    part_size : int
        Users a file. Memory grows with it.
    block_size : int
        Users worked on together. Memory grows with it; scores may change in their last bits.
    resume : bool
        Go on where lists of the same plan were cut short; false begins anew. The lists are the same.
    engine : Engine
        Changes only speed and memory.
    stopwatch : Stopwatch
    """

    n: int = 50
    as_of: str = "latest"
    users: str = "all"
    part_size: int = 50_000
    block_size: int = 2048
    resume: bool = True
    engine: Engine = field(default_factory=Threads)
    stopwatch: Stopwatch = field(default_factory=Stopwatch, compare=False)

    def __post_init__(self) -> None:
        for name in ("n", "part_size", "block_size"):
            check_int(self, name, low=1)
        check_choice(self, "as_of", ("latest", "test"))
        check_choice(self, "users", ("all", "warm"))
        check_bool(self, "resume")

    def n_parts(self, snapshot: Snapshot) -> int:
        """How many parts the lists of every query of `snapshot` make."""
        return -(-len(snapshot.queries) // self.part_size)

    def asked(self, snapshot: Snapshot) -> Snapshot:
        """The snapshot with the users who get a list as its queries, and no truth."""
        time = np.full(len(snapshot.users), snapshot.cutoff, np.int64)
        time[snapshot.queries.user] = snapshot.queries.time
        user = np.arange(len(snapshot.users), dtype=np.int32)
        if self.users == "warm":
            user = user[snapshot.histories.lengths > 0]
        truth = Qrels(Ragged.empty(len(user)), np.zeros(0, np.int8))
        return replace(snapshot, queries=Queries(user, time[user]), truth=truth)

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
        k = min(self.n, max(1, int(snapshot.available.sum())))
        answers = Answers(model, snapshot, POPULAR.fit(snapshot, {}), k)
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
            written[number] = folder.add(number, _table(part, users, items, run_id), counts)
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
        results = self.engine.map(answers.lists, blocks)
        tracked = self.stopwatch.track(results, len(blocks), "lists")
        for rows, lists in zip(blocks, tracked, strict=True):
            part.append(lists)
            if (rows[-1] + 1) % self.part_size == 0 or rows[-1] + 1 == n:
                yield int(rows[0]) // self.part_size, part
                part = []


def _table(part: Sequence[Lists], user_ids: pa.Array, item_ids: pa.Array, run_id: str) -> pa.Table:
    """Rows of a part: user, rank, item, score, sources, run_id; each distinct text stands there once."""
    users = np.concatenate([lists.user for lists in part])
    first = np.cumsum([0, *(len(lists.user) for lists in part)])
    row = np.concatenate([lists.row + start for lists, start in zip(part, first[:-1], strict=True)])
    used, item = _compacted(np.concatenate([lists.item for lists in part]), len(item_ids))
    names = sorted({name for lists in part for name in lists.names})
    position = {name: at for at, name in enumerate(names)}
    sources = [np.array([position[name] for name in lists.names])[lists.sources] for lists in part]
    score = np.concatenate([lists.score for lists in part])
    return pa.table(
        {
            "user": _coded(row, user_ids.take(pa.array(users))),
            "rank": np.concatenate([lists.rank for lists in part]),
            "item": _coded(item, item_ids.take(pa.array(used))),
            "score": pa.array(score, mask=np.isnan(score)),
            "sources": _coded(np.concatenate(sources), pa.array(names, pa.string())),
            "run_id": _coded(np.zeros(len(row), np.int32), pa.array([run_id], pa.string())),
        }
    )


def _coded(codes: npt.NDArray[Any], texts: pa.Array) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), texts)


def _compacted(codes: npt.NDArray[np.int32], n: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The codes that occur, ascending, and the position of each given code among them."""
    occurs = np.zeros(n, bool)
    occurs[codes] = True
    return np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[codes]
