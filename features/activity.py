"""Who asks: how often, since when, how strictly, and what is known of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.interactions import KINDS, SECONDS_PER_DAY
from dataset.parameters import check_names
from dataset.persistence import Saved
from dataset.snapshot import Histories, Requests, Snapshot
from dataset.vectors import Vectors
from features.lookup import Lookup, code_column, gather

_HISTORY_COLUMNS: Final = (
    "n_events", "n_items", "days_between", "days_since_last", "tenure_days", "rating_mean", "rating_std",
)  # fmt: skip


@dataclass(frozen=True)
class FittedActivity(Saved):
    """Attributes of the users that the snapshot has heard of; the rest is read from the histories.

    Parameters
    ----------
    users : Lookup
    attributes : tuple of str
        Names of their columns.
    categorical : tuple of str
        Those of `attributes` that hold category codes.
    table : float32 array of shape (len(users), len(attributes))
    transaction_kinds : tuple of str
    """

    users: Lookup
    attributes: tuple[str, ...]
    categorical: tuple[str, ...]
    table: npt.NDArray[np.float32]
    transaction_kinds: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What is read from the history, then the attributes."""
        return _HISTORY_COLUMNS + self.attributes

    def transform(self, requests: Requests, candidates: Candidates) -> npt.NDArray[np.float32]:
        """The user's columns on each of the user's candidates."""
        by_query = np.empty((len(requests), len(self.names)), np.float32)
        n_own = len(_HISTORY_COLUMNS)
        by_query[:, :n_own] = _columns(requests, self.transaction_kinds)
        by_query[:, n_own:] = gather(self.table, self.users.rows(requests.queries.user))
        return by_query.repeat(np.diff(candidates.offsets), axis=0)


@dataclass(frozen=True, kw_only=True)
class Activity:
    """What the user's history and attributes say of the user alone.

    Columns: `n_events`, `n_items` (distinct), `days_between` (mean gap between distinct days with a
    transaction; NaN below two), `days_since_last` and `tenure_days` (since the last and the first event, at
    the moment of the query), `rating_mean`, `rating_std` (over ratings given), then every numeric and
    categorical attribute.

    Parameters
    ----------
    transaction_kinds : list of str
        Kinds of events whose days count for `days_between`. Changes results.
    """

    transaction_kinds: Sequence[str] = ("purchase", "rating")

    def __post_init__(self) -> None:
        check_names(self, "transaction_kinds", choices=KINDS)

    def fit(
        self, snapshot: Snapshot, vectors: Mapping[str, Vectors], sources: tuple[str, ...]
    ) -> FittedActivity:
        """Keep the attributes as the snapshot knows them."""
        users = Lookup.of_users(snapshot)
        numeric = {name: values[users.codes] for name, values in snapshot.users.numeric.items()}
        labels = {
            name: code_column(values.codes[users.codes])
            for name, values in snapshot.users.categorical.items()
        }
        table = np.empty((len(users), len(numeric) + len(labels)), np.float32)
        for column, values in enumerate([*numeric.values(), *labels.values()]):
            table[:, column] = values
        named = tuple(f"attribute_{name}" for name in (*numeric, *labels))
        return FittedActivity(users, named, named[len(numeric) :], table, tuple(self.transaction_kinds))


def _columns(requests: Requests, transaction_kinds: tuple[str, ...]) -> npt.NDArray[np.float32]:
    """What the histories say, float32 of shape (m, 7)."""
    history, m = requests.history, len(requests)
    out = np.full((m, len(_HISTORY_COLUMNS)), np.nan, np.float32)
    out[:, 0] = history.lengths
    out[:, 1] = np.bincount(_distinct(history.query, history.item)[0], minlength=m)
    out[:, 2] = _days_between(history, transaction_kinds, m)
    warm = np.flatnonzero(history.lengths)
    now = requests.queries.time[warm]
    out[warm, 3] = (now - history.time[history.offsets[warm + 1] - 1]) / SECONDS_PER_DAY
    out[warm, 4] = (now - history.time[history.offsets[warm]]) / SECONDS_PER_DAY
    rated = np.flatnonzero((history.kind == KINDS.index("rating")) & ~np.isnan(history.value))
    query, value = history.query[rated], history.value[rated].astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        number = np.bincount(query, minlength=m)
        mean = np.bincount(query, weights=value, minlength=m) / number
        spread = np.bincount(query, weights=(value - mean[query]) ** 2, minlength=m) / number
    out[:, 5], out[:, 6] = mean, np.sqrt(spread)
    return out


def _days_between(history: Histories, kinds: tuple[str, ...], m: int) -> npt.NDArray[np.float64]:
    """Mean gap in days between distinct days with an event of `kinds`; NaN for fewer than two such days."""
    counted = np.isin(history.kind, [KINDS.index(kind) for kind in kinds])
    query, day = _distinct(history.query[counted], history.time[counted] // SECONDS_PER_DAY)
    n_days = np.bincount(query, minlength=m)
    ends = np.cumsum(n_days)
    gaps = np.full(m, np.nan)
    several = np.flatnonzero(n_days > 1)
    last, first = day[ends[several] - 1], day[ends[several] - n_days[several]]
    gaps[several] = (last - first) / (n_days[several] - 1)
    return gaps


def _distinct(
    query: npt.NDArray[np.integer], value: npt.NDArray[np.integer]
) -> tuple[npt.NDArray[np.integer], npt.NDArray[np.integer]]:
    """Distinct (query, value) pairs, ascending."""
    order = np.lexsort((value, query))
    query, value = query[order], value[order]
    new = np.ones(len(query), bool)
    new[1:] = (query[1:] != query[:-1]) | (value[1:] != value[:-1])
    return query[new], value[new]
