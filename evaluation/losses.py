"""Where the hits were lost: one cause for each held-out event, counted block by block."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from rich.table import Table

from dataset.errors import DataContractError
from evaluation.table import STYLE

CAUSES: Final = (
    "unknown_item",
    "constraint",
    "no_source",
    "index_approximation",
    "cut_by_budget",
    "ranked_below_k",
    "hit",
)
"""What can become of an event, in the order of the road that an item takes to the list."""

AGE_BANDS: Final = (
    "unknown item",
    "age unknown",
    "0-29 days",
    "30-89 days",
    "90-364 days",
    "365+ days",
)
POPULARITY_BANDS: Final = ("unknown item", "no user yet", *(f"decile {n}" for n in range(1, 11)))
SOURCE_COUNTS: Final = ("found", "unique", "shared", "hits", "hits_unique")
_AGE_LIMITS_DAYS: Final = (30, 90, 365)
_IN_POOL: Final = CAUSES.index("ranked_below_k")
_HIT: Final = CAUSES.index("hit")


@dataclass(frozen=True)
class Losses:
    """Counts of events, users with history in row 0 and users without in row 1 of each array.

    Parameters
    ----------
    sources : tuple of str
        Those that nominate, s of them.
    by_age : int64 array of shape (2, len(AGE_BANDS), len(CAUSES))
    by_popularity : int64 array of shape (2, len(POPULARITY_BANDS), len(CAUSES))
    by_source : int64 array of shape (2, s, len(SOURCE_COUNTS))
    """

    sources: tuple[str, ...]
    by_age: npt.NDArray[np.int64]
    by_popularity: npt.NDArray[np.int64]
    by_source: npt.NDArray[np.int64]

    @classmethod
    def of(
        cls,
        sources: Sequence[str],
        *,
        cause: npt.NDArray[np.integer],
        nominated: npt.NDArray[np.bool_],
        age: npt.NDArray[np.integer],
        popularity: npt.NDArray[np.integer],
        is_warm: npt.NDArray[np.bool_],
    ) -> "Losses":
        """Count n events.

        Parameters
        ----------
        sources : sequence of str
        cause : int array of shape (n,)
            Position in `CAUSES`, from `causes_of`.
        nominated : bool array of shape (n, s)
            Whether each source nominated the item; read for events in the pool alone.
        age, popularity : int arrays of shape (n,)
            Positions in `AGE_BANDS` and `POPULARITY_BANDS`.
        is_warm : bool array of shape (n,)
            Whether the event's user has a history.
        """
        found = nominated & (cause >= _IN_POOL)[:, None]
        alone = found & (nominated.sum(axis=1) == 1)[:, None]
        hit = (cause == _HIT)[:, None]
        counted = np.stack([found, alone, found & ~alone, found & hit, alone & hit], axis=2)
        return cls(
            sources=tuple(sources),
            by_age=_cross_table(is_warm, age, len(AGE_BANDS), cause),
            by_popularity=_cross_table(is_warm, popularity, len(POPULARITY_BANDS), cause),
            by_source=np.stack([counted[rows].sum(axis=0) for rows in (is_warm, ~is_warm)]),
        )

    @classmethod
    def concatenate(cls, parts: Sequence["Losses"]) -> "Losses":
        """The counts of several blocks as one."""
        if not parts or any(part.sources != parts[0].sources for part in parts):
            got = sorted({", ".join(part.sources) for part in parts}) or "none"
            raise DataContractError(f"Blocks must be at least one, of the same sources. Got {got}.")
        arrays = ("by_age", "by_popularity", "by_source")
        total = {name: np.sum([getattr(part, name) for part in parts], axis=0) for name in arrays}
        return cls(sources=parts[0].sources, **total)

    @property
    def causes(self) -> npt.NDArray[np.int64]:
        """Events of each cause, int64 of shape (2, len(CAUSES))."""
        causes: npt.NDArray[np.int64] = self.by_age.sum(axis=1)
        return causes

    def section(self, k: int) -> dict[str, Any]:
        """The section "losses" of `metrics.json`; `k` is the length of list that a hit was sought in."""
        return {"k": k, "warm": self._counts(0), "cold": self._counts(1)}

    def _counts(self, row: int) -> dict[str, Any]:
        return {
            "events": int(self.causes[row].sum()),
            "causes": _named(CAUSES, self.causes[row]),
            "sources": {
                name: _named(SOURCE_COUNTS, counts)
                for name, counts in zip(self.sources, self.by_source[row], strict=True)
            },
            "by_age": _by_band(AGE_BANDS, self.by_age[row]),
            "by_popularity": _by_band(POPULARITY_BANDS, self.by_popularity[row]),
        }


def causes_of(
    *,
    known: npt.NDArray[np.bool_],
    eligible: npt.NDArray[np.bool_],
    in_pool: npt.NDArray[np.bool_],
    in_list: npt.NDArray[np.bool_],
    nominated: npt.NDArray[np.bool_],
    found_exactly: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int8]:
    """The cause of each event as its position in `CAUSES`: the first of the questions that decides it.

    Parameters
    ----------
    known : bool array of shape (n,)
        In the catalogue of the snapshot; what is not, nobody could recommend.
    eligible : bool array of shape (n,)
        May be shown to this user: in stock, nothing that the user avoids.
    in_pool : bool array of shape (n,)
        Among the candidates of the query.
    in_list : bool array of shape (n,)
        Within the first k of the final list.
    nominated : bool array of shape (n,)
        Named by a source within its quota; asked of events outside the pool alone.
    found_exactly : bool array of shape (n,)
        A source with an approximate index would have named it with exact search; as `nominated`.
    """
    answers = {
        "unknown_item": ~known,
        "constraint": ~eligible,
        "hit": in_pool & in_list,
        "ranked_below_k": in_pool,
        "cut_by_budget": nominated,
        "index_approximation": found_exactly,
    }
    codes = [np.int8(CAUSES.index(cause)) for cause in answers]
    return np.select(list(answers.values()), codes, np.int8(CAUSES.index("no_source")))


def age_bands(
    born: npt.NDArray[np.int64], asked: npt.NDArray[np.int64], known: npt.NDArray[np.bool_], never: int
) -> npt.NDArray[np.int8]:
    """Age of each event's item when its user was asked for, int8 of shape (n,), in `AGE_BANDS`.

    Parameters
    ----------
    born, asked : int64 arrays of shape (n,)
        Launch or first event of the item, and the moment of the query; seconds since 1970 UTC.
    known : bool array of shape (n,)
    never : int
        The value of `born` where neither is known.
    """
    has_date = known & (born != never)
    days = np.subtract(asked, born, out=np.zeros_like(born), where=has_date) / 86_400
    band = np.searchsorted(_AGE_LIMITS_DAYS, days, side="right") + AGE_BANDS.index("0-29 days")
    band = np.where(has_date, band, AGE_BANDS.index("age unknown"))
    return np.where(known, band, AGE_BANDS.index("unknown item")).astype(np.int8)


def popularity_bands(
    n_users: npt.NDArray[np.integer], catalogue: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int8]:
    """Decile of each item among the items that somebody had, int8 of shape (n_items,), in `POPULARITY_BANDS`.

    The decile says how large a share of these items is less popular. Equally popular items are never
    parted, so where many are, deciles stay empty; 10 holds the best-sellers.

    Parameters
    ----------
    n_users : int array of shape (n_items,)
        Distinct users who had each item in the history.
    catalogue : bool array of shape (n_items,)
    """
    had = np.sort(n_users[catalogue & (n_users > 0)])
    decile = 10 * np.searchsorted(had, n_users, side="left") // max(len(had), 1)
    band = POPULARITY_BANDS.index("decile 1") + np.minimum(decile, 9)
    band = np.where(n_users > 0, band, POPULARITY_BANDS.index("no user yet"))
    return np.where(catalogue, band, POPULARITY_BANDS.index("unknown item")).astype(np.int8)


def percents(counts: Sequence[int], decimals: int = 1) -> list[Decimal]:
    """Shares in percent, rounded so that what is printed adds up to exactly 100; all 0 of nothing.

    Each share is rounded down, and the steps that are missing go to the largest remainders, the first of
    equal ones.

    References
    ----------
    Balinski and Young, "Fair Representation", 2nd ed. 2001, appendix A (method of Hamilton).

    Examples
    --------
    >>> [str(share) for share in percents([1, 1, 1])]
    ['33.4', '33.3', '33.3']
    """
    total, steps = sum(counts), 100 * 10**decimals
    if not total:
        return [Decimal(0).scaleb(-decimals)] * len(counts)
    floors = [count * steps // total for count in counts]
    by_remainder = sorted(range(len(counts)), key=lambda at: -(counts[at] * steps % total))
    for at in by_remainder[: steps - sum(floors)]:
        floors[at] += 1
    return [Decimal(floor).scaleb(-decimals) for floor in floors]


def losses_table(section: Mapping[str, Any]) -> Table:
    """The section "losses" of `metrics.json` for the terminal, a line a cause."""
    table = Table(title=f"Where the hits were lost, first {section['k']} items", **STYLE)
    table.add_column("cause")
    groups = [(title, section[key]) for key, title in (("warm", "with history"), ("cold", "without"))]
    groups = [(title, group) for title, group in groups if group["events"]]
    columns = []
    for title, group in groups:
        table.add_column(title, justify="right")
        table.add_column("%", justify="right")
        counts = list(group["causes"].values())
        columns.append(
            [(f"{count:,}", str(share)) for count, share in zip(counts, percents(counts), strict=True)]
        )
    for cause, *cells in zip(CAUSES, *columns, strict=True) if columns else ():
        table.add_row(cause.replace("_", " "), *chain.from_iterable(cells))
    return table


def _cross_table(
    is_warm: npt.NDArray[np.bool_],
    band: npt.NDArray[np.integer],
    n_bands: int,
    cause: npt.NDArray[np.integer],
) -> npt.NDArray[np.int64]:
    """Events by (without history, band, cause), int64."""
    shape = (2, n_bands, len(CAUSES))
    at = np.ravel_multi_index(((~is_warm).astype(np.int64), band, cause), shape)
    return np.bincount(at, minlength=int(np.prod(shape))).reshape(shape).astype(np.int64)


def _named(names: Sequence[str], counts: npt.NDArray[np.int64]) -> dict[str, int]:
    return {name: int(count) for name, count in zip(names, counts, strict=True)}


def _by_band(bands: Sequence[str], counts: npt.NDArray[np.int64]) -> Mapping[str, dict[str, int]]:
    return {band: _named(CAUSES, row) for band, row in zip(bands, counts, strict=True)}
