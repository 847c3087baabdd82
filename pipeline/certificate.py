"""The certificate of lists: every promise checked on what was written, not on what was meant."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from dataset.dataset import Dataset
from dataset.errors import DataContractError
from dataset.ragged import distinct, offsets_of
from dataset.snapshot import Snapshot
from dataset.splits.rules import is_among
from dataset.vocabulary import Vocabulary
from pipeline.promises import Promises

VIOLATIONS: Final = (
    "unknown_id",  # rows: of a user or an item that nobody knows, or of a user who belongs to another part
    "avoided_ingredient",  # rows
    "not_in_catalogue",  # rows
    "out_of_stock",  # rows
    "under_age",  # rows: the item has a minimum age that the user has not reached, or may not have
    "outside_region",  # rows: the item may not be sold where the user lives, as far as that is known
    "above_price_ceiling",  # rows: of the shop or of the user, or the price is unknown and there is one
    "already_owned",  # rows: the user has the item, and it is not due again
    "otherwise_ineligible",  # rows that may not be shown for a reason that is none of the above
    "too_many_of_a_brand",  # rows beyond the cap
    "too_many_of_a_category",  # rows beyond the cap
    "duplicate",  # rows: an item once more in the same list
    "wrong_rank",  # rows: not the position in the list, or above n
    "short_list",  # lists with fewer than n items, although more are eligible and keep the caps
)


@dataclass(frozen=True)
class Certificate:
    """What was checked and what was found.

    Parameters
    ----------
    rows : int
    violations : mapping of str to int
        By kind, in the order of `VIOLATIONS`; all of them 0 if the promises are kept.
    exhausted_lists : int
        Lists with fewer than n items because no more are eligible, or keep the caps.
    eligible : int64 array of shape (lists,)
        How many items each list could choose from.
    """

    rows: int
    violations: Mapping[str, int]
    exhausted_lists: int
    eligible: npt.NDArray[np.int64]

    @classmethod
    def merged(cls, blocks: Iterable["Certificate"]) -> "Certificate":
        """The certificate of several blocks of lists."""
        found = list(blocks)
        return cls(
            rows=sum(block.rows for block in found),
            violations={kind: sum(block.violations[kind] for block in found) for kind in VIOLATIONS},
            exhausted_lists=sum(block.exhausted_lists for block in found),
            eligible=np.concatenate([np.zeros(0, np.int64), *(block.eligible for block in found)]),
        )

    def as_json(self) -> dict[str, Any]:
        """What `certificate.json` holds."""
        counts = self.eligible if len(self.eligible) else np.array([np.nan])  # NaN becomes null
        eligible = {
            "min": float(counts.min()),
            "median": float(np.median(counts)),
            "max": float(counts.max()),
        }
        return {
            "lists": len(self.eligible),
            "rows": self.rows,
            "violations": dict(self.violations),
            "short_lists": self.violations["short_list"] + self.exhausted_lists,
            "short_as_no_more_are_eligible": self.exhausted_lists,
            "eligible_items": eligible,
        }

    def check(self) -> None:
        """Raise `DataContractError` unless every promise is kept."""
        broken = {kind: count for kind, count in self.violations.items() if count}
        if broken:
            told = ", ".join(f"{kind} {count:,}" for kind, count in broken.items())
            raise DataContractError(
                f"Lists must keep every promise. Got {told}; see certificate.json. They are not marked as "
                "complete and must not be shown: make them again with resume=false; report it if it recurs."
            )


def certify(
    parts: Iterable[pa.Table], snapshot: Snapshot, dataset: Dataset, n: int, part_size: int, block_size: int
) -> Certificate:
    """Check the lists of every query of a snapshot.

    Parameters
    ----------
    parts : iterable of pyarrow.Table
        As read back, in order, `user` and `item` as dictionaries; each is let go before the next is taken.
    snapshot : Snapshot
        Its queries are those to be answered, their users ascending.
    dataset : Dataset
    n : int
        Length of the lists.
    part_size : int
        Queries a part.
    block_size : int
        Queries checked together; changes only speed and memory.
    """
    size, promises = len(snapshot.queries), Promises.of(snapshot)
    queries = [range(start, min(start + part_size, size)) for start in range(0, size, part_size)]
    return Certificate.merged(
        block
        for rows, table in zip(queries, parts, strict=True)
        for block in _of_part(table, promises, dataset, n, rows, block_size)
    )


def _of_part(
    table: pa.Table, promises: Promises, dataset: Dataset, n: int, queries: range, block_size: int
) -> Iterator[Certificate]:
    """The certificates of the blocks of a part, which is to hold the lists of `queries`."""
    asked = promises.snapshot.queries.user[queries.start : queries.stop]
    user, item = _codes(table["user"], dataset.user_ids), _codes(table["item"], dataset.item_ids)
    place = np.minimum(np.searchsorted(asked, user), len(asked) - 1)
    known = np.flatnonzero((asked[place] == user) & (item >= 0))
    known = known[np.argsort(place[known], kind="stable")]
    place, item, rank = place[known], item[known], table["rank"].to_numpy()[known]
    unknown = len(user) - len(known)
    for start in range(0, len(asked), block_size):
        stop = min(start + block_size, len(asked))
        rows = slice(*np.searchsorted(place, (start, stop)))
        block = np.arange(queries.start + start, queries.start + stop)
        yield _of_block(promises, block, place[rows] - start, item[rows], rank[rows], n, unknown)
        unknown = 0  # counted once


def _of_block(
    promises: Promises,
    queries: npt.NDArray[np.int64],
    row: npt.NDArray[np.int64],
    item: npt.NDArray[np.int32],
    rank: npt.NDArray[np.int32],
    n: int,
    unknown: int,
) -> Certificate:
    """The certificate of some queries.

    Parameters
    ----------
    promises : Promises
    queries : int64 array of shape (m,)
    row : int64 array of shape (r,)
        Position in `queries` of each row of the lists, ascending.
    item, rank : int32 arrays of shape (r,)
    n : int
    unknown : int
        Rows that could not be read.
    """
    snapshot = promises.snapshot
    requests = snapshot.requests(queries)
    eligibility, owned, n_items = requests.eligibility, requests.eligibility.owned, len(snapshot.items)
    pairs = row * n_items + item
    lengths = np.bincount(row, minlength=len(queries))
    within = np.arange(len(row)) - offsets_of(lengths)[row]
    wrong = promises.broken(requests.queries.user[row], item)
    wrong["already_owned"] = is_among(pairs, owned.rows.astype(np.int64) * n_items + owned.values)
    explained = np.logical_or.reduce(list(wrong.values()))
    wrong["otherwise_ineligible"] = ~eligibility.allows(row, item) & ~explained
    wrong |= promises.above_caps(row, item)
    wrong["wrong_rank"] = (rank != within + 1) | (rank > n)
    n_eligible = eligibility.n_eligible
    wrong["short_list"] = lengths < np.minimum(n, n_eligible)
    if promises.caps is not None:
        for query in np.flatnonzero(wrong["short_list"]):
            wrong["short_list"][query] = lengths[query] < promises.longest(eligibility.mask(int(query)), n)
    counts = {kind: int(found.sum()) for kind, found in wrong.items()}
    counts |= {"unknown_id": unknown, "duplicate": len(pairs) - len(distinct(pairs))}
    return Certificate(
        rows=len(row) + unknown,
        violations={kind: counts[kind] for kind in VIOLATIONS},
        exhausted_lists=int(((lengths < n) & ~wrong["short_list"]).sum()),
        eligible=n_eligible,
    )


def _codes(column: pa.ChunkedArray, ids: Vocabulary) -> npt.NDArray[np.int32]:
    """Codes of a column of ids, int32; -1 where an id is unknown. Each distinct id is looked up once."""
    found = column.to_pandas().array
    code_of = np.append(ids.encode(found.categories.to_series()), np.int32(-1))
    codes: npt.NDArray[np.int32] = code_of[found.codes]  # a missing id has code -1, the last place
    return codes
