"""The same data with another future: what a snapshot must not know is drawn anew, nothing before it is.

What every split may know is kept: who the users are, how many events there are and at which moments, which
of them count as truth. So the cut-offs stay where they were.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.dataset import Dataset
from dataset.interactions import KINDS, SECONDS_PER_DAY, Interactions
from dataset.items import UNKNOWN_TIME, Items
from dataset.ragged import Categorical
from dataset.snapshot import Snapshot
from dataset.splits.leave_last_out import LeaveLastOut
from dataset.splits.split import Splitter
from pipeline.audit.later import TARGET_KINDS, asked_at, depth_of, since_nth_last, target_kinds

_DEARER: Final = 7  # what a product that is not known yet costs, times what it did cost


def poisoned(dataset: Dataset, splitter: Splitter, snapshot: Snapshot, seed: int) -> Dataset:
    """The dataset with all rewritten that comes after the snapshot.

    Parameters
    ----------
    dataset : Dataset
    splitter : Splitter
        `LeaveLastOut` counts by position; with all others the moment of the cut-off decides.
    snapshot : Snapshot
        Of that splitter.
    seed : int
    """
    kinds = target_kinds(splitter)
    if isinstance(splitter, LeaveLastOut):
        return retaken(dataset, depth_of(splitter, snapshot.name), snapshot, seed, kinds)
    return rewritten(dataset, asked_at(snapshot), seed, kinds)


def rewritten(
    dataset: Dataset,
    since: int | npt.NDArray[np.int64],
    seed: int,
    targets: Sequence[str] = TARGET_KINDS,
) -> Dataset:
    """Every event at or after the cut-off drawn anew, and every product that is not known by then.

    Parameters
    ----------
    since : int or int64 array of shape (n_users,)
        Seconds since 1970 UTC, for all users or for each. Between the first and the last of these moments
        events keep user and time: whoever has one there may be asked at another moment because of it.
    seed : int
    targets : sequence of str
        Kinds of events that count as truth.
    """
    rng, events = np.random.default_rng(seed), dataset.interactions
    since = np.broadcast_to(since, len(dataset.users))
    cutoff = int(since.max(initial=0))
    changed = _drawn(dataset, targets, rng).put_into(events, events.time >= since[events.user])
    after = events.time >= cutoff
    users = np.unique(events.user)  # who never did anything stays so: their first event could move a cut-off
    user, time = events.user.copy(), events.time.copy()
    user[after] = rng.choice(users, int(after.sum())) if len(users) else user[after]
    time[after] = rng.permutation(time[after])
    changed = replace(changed, user=user, time=time).sorted()
    return replace(dataset, interactions=changed, items=_renewed(dataset, cutoff, rng))


def retaken(
    dataset: Dataset, n: int, snapshot: Snapshot, seed: int, targets: Sequence[str] = TARGET_KINDS
) -> Dataset:
    """Of each user, the n newest target events and all that lies between and behind them drawn anew.

    Users with fewer have no event that is not drawn anew. Users stay, and so does which events are targets
    and in which order, since the protocol counts by position; and so does when the snapshot's queries ask.
    Events that share the moment of the n-th keep item and kind, which decide their order.

    Parameters
    ----------
    n : int
        From 1.
    snapshot : Snapshot
        The one whose targets the n-th last are.
    seed : int
    targets : sequence of str
        Kinds of events that count as truth.
    """
    rng, events = np.random.default_rng(seed), dataset.interactions
    late = since_nth_last(events, events.is_kind(tuple(targets)), n)
    drawn = _drawn(dataset, targets, rng)
    asked = asked_at(snapshot)[events.user]
    free = late & (events.time != asked) & (events.time != snapshot.cutoff)
    since_last = np.diff(events.time, prepend=0)
    since_last[np.diff(events.user, prepend=-1) > 0] = SECONDS_PER_DAY
    earlier = rng.integers(0, np.maximum(since_last, 1))
    changed = drawn.put_into(events, late, keep_place=_tied_with_first(events, late))
    changed = replace(changed, time=events.time - np.where(free, earlier, 0))
    return replace(dataset, interactions=changed.sorted())


@dataclass(frozen=True)
class _Drawn:
    """New contents for every event, of which only those of the late ones are used."""

    item: npt.NDArray[np.int32]
    kind: npt.NDArray[np.int8]
    stars: npt.NDArray[np.float32]
    stated: dict[str, npt.NDArray[np.int32]]

    def put_into(
        self,
        events: Interactions,
        late: npt.NDArray[np.bool_],
        keep_place: npt.NDArray[np.bool_] | None = None,
    ) -> Interactions:
        """The events with the late ones replaced; of those that keep their place, item and kind stay."""
        moved = late if keep_place is None else late & ~keep_place
        kind = np.where(moved, self.kind, events.kind).astype(np.int8)
        value = np.where(kind == KINDS.index("rating"), self.stars, np.float32(np.nan))
        return replace(
            events,
            item=np.where(moved, self.item, events.item).astype(np.int32),
            kind=kind,
            value=np.where(late, value, events.value).astype(np.float32),
            stated={
                name: Categorical(np.where(late, self.stated[name], told.codes).astype(np.int32), told.names)
                for name, told in events.stated.items()
            },
        )


def _drawn(dataset: Dataset, targets: Sequence[str], rng: np.random.Generator) -> _Drawn:
    """Any product, any kind that counts as truth where there was one that does, any stars and statements."""
    events = dataset.interactions
    size = len(events)
    taken = np.array([at for at, kind in enumerate(KINDS) if kind in targets], np.int8)
    others = np.setdiff1d(np.arange(len(KINDS), dtype=np.int8), taken)
    is_target = np.isin(events.kind, taken)
    rest = rng.choice(others, size) if len(others) else events.kind
    return _Drawn(
        item=rng.integers(0, len(dataset.items), size).astype(np.int32),
        kind=np.where(is_target, rng.choice(taken, size), rest).astype(np.int8),
        stars=rng.integers(1, 6, size).astype(np.float32),
        stated={
            name: rng.integers(-1, len(told.names), size).astype(np.int32)
            for name, told in events.stated.items()
        },
    )


def _tied_with_first(events: Interactions, late: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Whether each event shares its moment with another and with its user's first late event."""
    if not len(events):
        return late
    new = np.ones(len(events), bool)
    new[1:] = (events.user[1:] != events.user[:-1]) | (events.time[1:] != events.time[:-1])
    moment = np.cumsum(new) - 1
    first_late = late & ~np.concatenate([[False], late[:-1] & (events.user[1:] == events.user[:-1])])
    holds_first = np.bincount(moment[first_late], minlength=int(moment[-1]) + 1) > 0
    tied: npt.NDArray[np.bool_] = holds_first[moment] & (np.bincount(moment)[moment] > 1)
    return tied


def _renewed(dataset: Dataset, cutoff: int, rng: np.random.Generator) -> Items:
    """Items that are neither launched nor seen by the cut-off get the content of others, and their dates."""
    items, events = dataset.items, dataset.interactions
    known = items.launched <= cutoff
    known[events.item[events.time < cutoff]] = True
    rows, unknown = np.arange(len(items)), np.flatnonzero(~known)
    rows[unknown] = rng.integers(0, len(items), len(unknown))
    launched = items.launched.copy()
    dated = unknown[launched[unknown] != UNKNOWN_TIME]
    launched[dated] = rng.permutation(launched[dated])
    return replace(
        items,
        brand=items.brand.take(rows),
        category=items.category.take(rows),
        price=items.price[rows] * np.where(known, 1, _DEARER).astype(np.float32),
        in_stock=items.in_stock[rows],
        launched=launched,
        ingredients=items.ingredients.take(rows),
        functions=items.functions.take(rows),
    )
