"""Which events a snapshot must not know: told from the protocol, not from what the snapshot holds."""

from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.dataset import Dataset
from dataset.interactions import Interactions
from dataset.snapshot import Snapshot
from dataset.splits.leave_last_out import LeaveLastOut
from dataset.splits.split import Splitter

TARGET_KINDS: Final = ("purchase", "rating")


def is_late(dataset: Dataset, splitter: Splitter, snapshot: Snapshot) -> npt.NDArray[np.bool_]:
    """Whether each event of the dataset lies at or after its user's query, bool of shape (n,).

    Where each user's last events are left out, position decides; elsewhere the moment of the query, or for
    those who are not asked for the cut-off.
    """
    events = dataset.interactions
    if isinstance(splitter, LeaveLastOut):
        return since_nth_last(events, splitter.is_target(events), depth_of(splitter, snapshot.name))
    late: npt.NDArray[np.bool_] = events.time >= asked_at(snapshot)[events.user]
    return late


def asked_at(snapshot: Snapshot) -> npt.NDArray[np.int64]:
    """When each user is asked for, int64 of shape (n_users,): the cut-off for those without a query."""
    time = np.full(len(snapshot.users), snapshot.cutoff, np.int64)
    time[snapshot.queries.user] = snapshot.queries.time
    return time


def target_kinds(splitter: Splitter) -> tuple[str, ...]:
    """Kinds of events that the splitter counts as truth."""
    return tuple(getattr(splitter, "target_kinds", TARGET_KINDS))


def depth_of(splitter: LeaveLastOut, name: str) -> int:
    """Which of each user's target events, from the end and from 1, is the target of a snapshot."""
    depths = {"test": 1, "validation": 2}
    return splitter.set_aside + (depths.get(name) or 2 + int(name.removeprefix("training_")))


def since_nth_last(events: Interactions, is_target: npt.NDArray[np.bool_], n: int) -> npt.NDArray[np.bool_]:
    """Whether each event comes no earlier than its user's n-th last target; True where there are fewer.

    Parameters
    ----------
    events : Interactions
    is_target : bool array of shape (len(events),)
    n : int
        From 1.
    """
    n_users = int(events.user.max(initial=-1)) + 1
    targets = np.flatnonzero(is_target)
    counts = np.bincount(events.user[targets], minlength=n_users)
    enough = counts >= n
    start = events.offsets(n_users)[:-1].copy()
    start[enough] = targets[(np.cumsum(counts) - n)[enough]]
    late: npt.NDArray[np.bool_] = np.arange(len(events)) >= start[events.user]
    return late
