"""A moment in the life of a shop: what was known then, who is asked for, and what came after."""

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from dataset.constraints import Constraints
from dataset.eligibility import Eligibility, ingredient_bits
from dataset.interactions import Interactions
from dataset.items import Items
from dataset.queries import Qrels, Queries
from dataset.ragged import Categorical, Ragged, offsets_of
from dataset.repurchase import NEVER
from dataset.restrictions import age_bits, ceilings_of, prices_of, region_bits
from dataset.users import Users


@dataclass(frozen=True, kw_only=True)
class Histories:
    """The events of several users, flat: of a block of queries, what each may know of its user.

    Parameters
    ----------
    offsets : int64 array of shape (m + 1,)
        Events of query q are rows `offsets[q]:offsets[q + 1]`, oldest first.
    item : int32 array of shape (n,)
    kind : int8 array of shape (n,)
    value : float32 array of shape (n,)
    time : int64 array of shape (n,)
    weight : float32 array of shape (n,)
        How much an event of this kind says, from the split's `event_weights`.
    step : int32 array of shape (n,)
        Number of the user's events in strictly later moments: 0 for the newest moment, and equal for
        events of one moment, since their order says nothing.
    """

    offsets: npt.NDArray[np.int64]
    item: npt.NDArray[np.int32]
    kind: npt.NDArray[np.int8]
    value: npt.NDArray[np.float32]
    time: npt.NDArray[np.int64]
    weight: npt.NDArray[np.float32]
    step: npt.NDArray[np.int32]

    @classmethod
    def of(cls, events: Interactions, n_users: int, event_weights: npt.NDArray[np.float32]) -> "Histories":
        """The events of every user, row q those of user q; the columns of `events` are not copied."""
        offsets = events.offsets(n_users)
        return cls(
            offsets=offsets,
            item=events.item,
            kind=events.kind,
            value=events.value,
            time=events.time,
            weight=event_weights[events.kind],
            step=steps_from_end(events, offsets),
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def take(self, rows: npt.NDArray[np.integer]) -> "Histories":
        """The rows named, in that order."""
        lengths = self.lengths[rows]
        offsets = offsets_of(lengths)
        at = np.repeat(self.offsets[rows] - offsets[:-1], lengths) + np.arange(offsets[-1])
        columns = ("item", "kind", "value", "time", "weight", "step")
        return Histories(offsets=offsets, **{name: getattr(self, name)[at] for name in columns})

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Number of events of each query, int64 of shape (m,)."""
        return np.diff(self.offsets)

    @property
    def query(self) -> npt.NDArray[np.int32]:
        """Query of each event, int32 of shape (n,)."""
        return np.repeat(np.arange(len(self), dtype=np.int32), self.lengths)


@dataclass(frozen=True, kw_only=True)
class Requests:
    """A block of queries with all that may be used to answer them: m queries.

    Parameters
    ----------
    queries : Queries
    history : Histories
    eligibility : Eligibility
    """

    queries: Queries
    history: Histories
    eligibility: Eligibility

    def __len__(self) -> int:
        return len(self.queries)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Everything that is fitted for a snapshot sees this, and of events only `history`.

    What is asked of the fitted values may know more: a published protocol lets the event right before the
    target into the user's own request, but into nobody's model. This is what `request_history` is for;
    elsewhere the two are one.

    Parameters
    ----------
    name : str
    cutoff : int
        Moment of the snapshot, seconds since 1970 UTC: the latest of the queries' times.
    history : Interactions
        Events strictly before each user's query, sorted; the only events that may be fitted on.
    request_history : Interactions
        Events strictly before each user's query, sorted; the only ones that requests, what users own and
        who is warm are read from. Of each user, it begins with the events of `history`. By default
        `history` itself; replace both or neither.
    queries : Queries
    truth : Qrels
        What came after, a row a query; read by labels and evaluation alone.
    users : Users
        As known from `history`: attributes are what statistics are kept by, so they are fitted on, too.
    items : Items
        All items of the dataset; use `known_items` or `catalogue` to leave out later ones.
    catalogue : bool array of shape (n_items,)
        Items known by the cut-off: launched, or else seen in an event of `history`, before it.
    event_weights : float32 array of shape (len(KINDS),)
        How much an event of each kind says about the user.
    owned_kinds : tuple of str
        Kinds after which an item counts as got, and is not recommended again; empty where repurchase
        is on.
    constraints : Constraints
        What requests are promised beside.
    """

    name: str
    cutoff: int
    history: Interactions
    request_history: Interactions = None  # type: ignore[assignment]  # __post_init__ puts `history` here
    queries: Queries
    truth: Qrels
    users: Users
    items: Items
    catalogue: npt.NDArray[np.bool_]
    event_weights: npt.NDArray[np.float32]
    owned_kinds: tuple[str, ...]
    constraints: Constraints = field(default_factory=Constraints)
    _bits: tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint64]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.request_history is None:
            object.__setattr__(self, "request_history", self.history)
        kept = {
            "avoided_ingredient": ingredient_bits,
            "under_age": age_bits,
            "outside_region": region_bits,
        }
        sets = [of(self.items, self.users) for name, of in kept.items() if self.constraints.keeps(name)]
        if not self.constraints.keeps("avoided_ingredient"):
            sets.append(
                (np.zeros((len(self.items), 1), np.uint64), np.zeros((len(self.users), 1), np.uint64))
            )
        item_bits, user_bits = (np.concatenate(bits, axis=1) for bits in zip(*sets, strict=True))
        object.__setattr__(self, "_bits", (item_bits, user_bits))

    @cached_property
    def known_items(self) -> npt.NDArray[np.int32]:
        """Codes of the items in the catalogue, ascending.

        Fit matrices over these rows alone: an array over all items would tell by its very size how
        many products are yet to be launched.
        """
        return np.flatnonzero(self.catalogue).astype(np.int32)

    @cached_property
    def fitted_histories(self) -> Histories:
        """What may be fitted on of each user, from `history`, a row a user."""
        return Histories.of(self.history, len(self.users), self.event_weights)

    @property
    def history_offsets(self) -> npt.NDArray[np.int64]:
        """First row of each user in `history`, int64 of shape (n_users + 1,)."""
        return self.fitted_histories.offsets

    @property
    def history_weight(self) -> npt.NDArray[np.float32]:
        """Weight of each event of `history` by its kind, float32 of shape (len(history),)."""
        return self.fitted_histories.weight

    @property
    def history_step(self) -> npt.NDArray[np.int32]:
        """`Histories.step` of each event of `history`, int32 of shape (len(history),)."""
        return self.fitted_histories.step

    @cached_property
    def histories(self) -> Histories:
        """What requests know of each user, from `request_history`, a row a user."""
        if self.request_history is self.history:
            return self.fitted_histories
        return Histories.of(self.request_history, len(self.users), self.event_weights)

    @cached_property
    def owned(self) -> Ragged:
        """Items each user has got by the time of asking and may not get again yet, a row a user, ascending.

        With `constraints.repurchase`, an item is due once its interval has passed since the user last got it;
        where the run let everything be taken again, its kinds of events say what was got.
        """
        events, repurchase = self.request_history, self.constraints.repurchase
        if not self.constraints.keeps("already_owned"):
            return Ragged.empty(len(self.users))
        kinds = self.owned_kinds or (repurchase.kinds if repurchase else ())
        got = events.is_kind(kinds)
        if repurchase is not None:
            interval = repurchase.intervals(self.history, self.items)[events.item]
            asked_at = np.full(len(self.users), self.cutoff, np.int64)
            asked_at[self.queries.user] = self.queries.time
            got &= (interval == NEVER) | (asked_at[events.user] - events.time < interval)
        return Ragged.from_pairs(events.user[got], events.item[got], len(self.users))

    @property
    def available(self) -> npt.NDArray[np.bool_]:
        """Items that may be recommended to anybody at all, bool of shape (n_items,)."""
        on_offer = self.catalogue & self.items.in_stock
        if not self.constraints.keeps("out_of_stock"):
            on_offer = self.catalogue.copy()
        if self.constraints.max_price is not None and self.constraints.keeps("above_price_ceiling"):
            on_offer &= self._prices <= np.float32(self.constraints.max_price)
        return on_offer

    @cached_property
    def _prices(self) -> npt.NDArray[np.float32]:
        return prices_of(self.items)

    @cached_property
    def ceilings(self) -> npt.NDArray[np.float32]:
        """The most that each user is shown, float32 of shape (n_users,); infinite without a ceiling."""
        if not self.constraints.keeps("above_price_ceiling"):
            return np.full(len(self.users), np.inf, np.float32)
        return ceilings_of(self.users, self.constraints.max_price)

    @property
    def is_warm(self) -> npt.NDArray[np.bool_]:
        """Whether each query's user has a history to be answered from, bool of shape (m,)."""
        return self.histories.lengths[self.queries.user] > 0

    def requests(self, rows: npt.NDArray[np.integer] | slice = slice(None)) -> Requests:
        """The queries at `rows` with their users' histories and what they may get."""
        queries = self.queries.take(rows)
        user = queries.user
        item_bits, user_bits = self._bits
        return Requests(
            queries=queries,
            history=self.histories.take(user),
            eligibility=Eligibility(
                self.available,
                item_bits,
                user_bits[user],
                self.owned.take(user),
                self._prices,
                self.ceilings[user],
            ),
        )


def steps_from_end(events: Interactions, offsets: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
    """Number of the user's events in strictly later moments than each event, int32 of shape (n,)."""
    n = len(events)
    if not n:
        return np.zeros(0, np.int32)
    last_of_moment = np.ones(n, bool)
    last_of_moment[:-1] = (events.user[1:] != events.user[:-1]) | (events.time[1:] != events.time[:-1])
    ends = np.flatnonzero(last_of_moment)
    end_of_moment = ends[np.searchsorted(ends, np.arange(n))]
    return (offsets[events.user + 1] - 1 - end_of_moment).astype(np.int32)


def users_as_of(users: Users, history: Interactions) -> Users:
    """Fill in what users stated with their events: the newest statement in `history` wins."""
    categorical = dict(users.categorical)
    for name, stated in history.stated.items():
        codes = np.full(len(users), -1, np.int32)
        given = stated.codes >= 0  # rows are oldest first, so the last assignment is the newest
        codes[history.user[given]] = stated.codes[given]
        categorical[name] = Categorical(codes, stated.names)
    return replace(users, categorical=categorical)
