"""What every split agrees on: which events count as truth, and what a user already has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.dataset import Dataset
from dataset.errors import DataContractError, ParameterError
from dataset.interactions import KINDS, Interactions
from dataset.items import UNKNOWN_TIME, Items
from dataset.parameters import check_bool, check_mapping, check_names
from dataset.queries import Qrels, Queries
from dataset.ragged import Ragged, offsets_of
from dataset.snapshot import Snapshot, users_as_of

WEIGHTS: Final[Mapping[str, float]] = {
    "purchase": 1.0,
    "rating": 1.0,
    "like": 0.6,
    "save": 0.6,
    "search": 0.3,
    "view": 0.2,
}
HIGHEST_GRADE: Final = 30  # LightGBM takes labels below 31


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The settings common to all splits; each of them changes results.

    Parameters
    ----------
    target_kinds : sequence of str
        Kinds of events that count as truth.
    event_weights : mapping of str to float
        How much an event of each kind says about its user, at least 0; a kind left out says nothing.
    grades : mapping of str to int
        Relevance of a truth item by the kind of its event, 1 to 30; the highest counts, and a target
        kind left out has 1.
    repurchase : bool
        Whether an item that a user has already got may be recommended again. If not, it is left out
        of lists and truth alike.
    """

    target_kinds: Sequence[str] = ("purchase", "rating")
    event_weights: Mapping[str, float] = field(default_factory=lambda: dict(WEIGHTS))
    grades: Mapping[str, int] = field(default_factory=lambda: {"purchase": 1, "rating": 1})
    repurchase: bool = False

    def __post_init__(self) -> None:
        check_names(self, "target_kinds", choices=KINDS, may_be_empty=False)
        object.__setattr__(self, "target_kinds", tuple(self.target_kinds))
        _check_per_kind(self, "event_weights", float, 0, float("inf"))
        _check_per_kind(self, "grades", int, 1, HIGHEST_GRADE)
        check_bool(self, "repurchase")

    @property
    def owned_kinds(self) -> tuple[str, ...]:
        """Kinds of events after which an item counts as got; none where repurchase is on."""
        return () if self.repurchase else tuple(self.target_kinds)

    def is_target(self, events: Interactions) -> npt.NDArray[np.bool_]:
        """Whether each event counts as truth, bool of shape (n,)."""
        return events.is_kind(tuple(self.target_kinds))

    def snapshot(
        self,
        dataset: Dataset,
        name: str,
        *,
        past: npt.NDArray[np.bool_],
        future: npt.NDArray[np.bool_],
        asked_at: npt.NDArray[np.int64],
        launched: npt.NDArray[np.bool_],
        fitted_on: npt.NDArray[np.bool_] | None = None,
    ) -> Snapshot:
        """One snapshot: those are asked for who have a truth item, and an item with history is known.

        Parameters
        ----------
        dataset : Dataset
            n events, of users and items.
        name : str
        past, future : bool arrays of shape (n,)
            Events that are history, and events that are truth if their kind is a target.
        asked_at : int64 array of shape (n_users,)
            When each user would be asked for; all of the user's `past` lies before it.
        launched : bool array of shape (n_items,)
            Items known by then without any event.
        fitted_on : bool array of shape (n,) or None
            Those events of `past` that models are fitted on, of each user the first ones; None: all.
        """
        events = dataset.interactions
        known = events.take(past)
        history = known if fitted_on is None else events.take(fitted_on)
        users, truth = self._truth(events.take(future & self.is_target(events)), known, len(dataset.items))
        seen = launched.copy()
        seen[history.item] = True
        return Snapshot(
            name=name,
            cutoff=int(asked_at.max()),
            history=history,
            request_history=known,
            queries=Queries(users, asked_at[users]),
            truth=truth,
            users=users_as_of(dataset.users, history),
            items=dataset.items,
            catalogue=seen,
            event_weights=self._weights,
            owned_kinds=self.owned_kinds,
        )

    def latest(self, dataset: Dataset) -> Snapshot:
        """The shop as it is now, right after its last event: every user is asked for, no truth is known.

        The catalogue is that of today: a product without a launch date is on offer, whether or not anybody
        has seen it yet; one that is to be launched later is not.

        Raises
        ------
        DataContractError
            If there is no event, or the events are not sorted.
        """
        events = check_events(dataset)
        now = int(events.time.max()) + 1
        n_users = len(dataset.users)
        catalogue = (dataset.items.launched == UNKNOWN_TIME) | launched_by(dataset.items, now)
        catalogue[events.item] = True
        return Snapshot(
            name="latest",
            cutoff=now,
            history=events,
            queries=Queries(np.arange(n_users, dtype=np.int32), np.full(n_users, now, np.int64)),
            truth=Qrels(Ragged.empty(n_users), np.zeros(0, np.int8)),
            users=users_as_of(dataset.users, events),
            items=dataset.items,
            catalogue=catalogue,
            event_weights=self._weights,
            owned_kinds=self.owned_kinds,
        )

    @property
    def _weights(self) -> npt.NDArray[np.float32]:
        return np.array([self.event_weights.get(kind, 0.0) for kind in KINDS], np.float32)

    def _truth(
        self, future: Interactions, history: Interactions, n_items: int
    ) -> tuple[npt.NDArray[np.int32], Qrels]:
        """Users with truth, ascending, and their items, each with the highest of its grades."""
        grade_of_kind = np.array([self.grades.get(kind, 1) for kind in KINDS], np.int64)
        base = HIGHEST_GRADE + 1
        graded = pair_keys(future, n_items) * base + (HIGHEST_GRADE - grade_of_kind[future.kind])
        graded.sort()  # by pair, highest grade first
        pairs = graded // base
        chosen = np.ones(len(pairs), bool)
        chosen[1:] = pairs[1:] != pairs[:-1]
        if self.owned_kinds:
            owned = pair_keys(history.take(history.is_kind(self.owned_kinds)), n_items)
            chosen &= ~is_among(pairs, owned)
        pairs, grades = pairs[chosen], HIGHEST_GRADE - graded[chosen] % base
        users, counts = np.unique(pairs // n_items, return_counts=True)
        items = Ragged(offsets_of(counts), (pairs % n_items).astype(np.int32))
        return users.astype(np.int32), Qrels(items, grades.astype(np.int8))


def pair_keys(events: Interactions, n_items: int) -> npt.NDArray[np.int64]:
    """One number for each event's pair of user and item, ascending by user, then item."""
    return events.user.astype(np.int64) * n_items + events.item


def is_among(keys: npt.NDArray[np.int64], pool: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether each key is in `pool`, bool of shape (len(keys),); by sorting, eight times faster than isin."""
    if not len(pool):
        return np.zeros(len(keys), bool)
    pool = np.sort(pool)
    found: npt.NDArray[np.bool_] = pool[np.minimum(np.searchsorted(pool, keys), len(pool) - 1)] == keys
    return found


def launched_by(items: Items, cutoff: int) -> npt.NDArray[np.bool_]:
    """Whether each item has a launch date at or before `cutoff`, bool of shape (n_items,)."""
    known: npt.NDArray[np.bool_] = (items.launched != UNKNOWN_TIME) & (items.launched <= cutoff)
    return known


def check_events(dataset: Dataset) -> Interactions:
    """The dataset's events, which must be some and sorted.

    Raises
    ------
    DataContractError
        If there is no event, or the events are not in the order of `Interactions`.
    """
    events = dataset.interactions
    if not len(events):
        raise DataContractError("A split needs events. Got none; check the source and the cleaning report.")
    falling = np.zeros(len(events) - 1, bool)
    equal = np.ones(len(events) - 1, bool)
    for column in (events.user, events.time, events.item, events.kind):
        falling |= equal & (column[1:] < column[:-1])
        equal &= column[1:] == column[:-1]
    if falling.any():
        at = int(falling.argmax()) + 1
        raise DataContractError(
            f"Events must be sorted by user, time, item and kind. Got row {at} out of order; "
            "call Interactions.sorted()."
        )
    return events


def _check_per_kind(owner: object, name: str, kind_of_value: type, low: float, high: float) -> None:
    check_mapping(owner, name)
    noun = "an int" if kind_of_value is int else "a number"
    bounds = f"of at least {low}" if high == float("inf") else f"between {low} and {high}"
    expected = f"a mapping from kinds ({', '.join(KINDS)}) to {noun} {bounds}"
    values: Mapping[str, object] = getattr(owner, name)
    for kind, value in values.items():
        accepted = int if kind_of_value is int else (int, float)
        if kind not in KINDS or not isinstance(value, accepted) or isinstance(value, bool):
            raise ParameterError(type(owner).__name__, name, expected, values)
        if not low <= value <= high or value == float("inf"):
            raise ParameterError(type(owner).__name__, name, expected, values)
