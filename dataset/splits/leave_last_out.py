"""Each user's last item is the test: the protocol of the sequential-recommendation papers."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.dataset import Dataset
from dataset.interactions import Interactions
from dataset.items import UNKNOWN_TIME
from dataset.parameters import check_choice, check_int
from dataset.snapshot import Snapshot
from dataset.splits.rules import Rules, check_events, launched_by
from dataset.splits.split import Split, assemble


@dataclass(frozen=True, kw_only=True)
class LeaveLastOut(Rules):
    """The last target event of each user is the test, the second-last validates, earlier ones train.

    The user's history is what comes before the target *in the sorted order*, by position, not by time:
    an event of the same moment may be on either side. It leaks across users, as the published protocol
    does: a history ends at each user's own target, so that models learn from events of other users that
    are later than the query. For figures of a shop, use `Temporal`. As in the papers, the ranking is over
    all items, but for those with a launch date after the last target.

    Parameters
    ----------
    n_training : int
        Number of training snapshots, at least 1: third-last, fourth-last, ... target events. Changes
        results, and costs a fit each.
    min_history : int
        Events that a user must have before the target to be asked for; 0 asks for cold users, too.
        Changes results.
    statistics : str
        What models may learn from: "up_to_target", each user's events before the target; users without
        such a target give none.
    """

    n_training: int = 2
    min_history: int = 1
    statistics: str = "up_to_target"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_int(self, "n_training", low=1)
        check_int(self, "min_history", low=0)
        check_choice(self, "statistics", ("up_to_target",))

    def split(self, dataset: Dataset) -> Split:
        """Cut `dataset`.

        Raises
        ------
        DataContractError
            If nobody has enough events.
        """
        events = check_events(dataset)
        targets = np.flatnonzero(self.is_target(events))
        names = ("test", "validation", *(f"training_{j}" for j in range(1, self.n_training + 1)))
        snapshots = [
            self._at_depth(dataset, name, targets, depth) for depth, name in enumerate(names, start=1)
        ]
        return assemble(snapshots, _tie_warnings(events.take(targets)), by_position=True)

    def _at_depth(self, dataset: Dataset, name: str, targets: npt.NDArray[np.int64], depth: int) -> Snapshot:
        """The snapshot whose target is each user's `depth`-th last target event."""
        events, n_users = dataset.interactions, len(dataset.users)
        ends = np.cumsum(np.bincount(events.user[targets], minlength=n_users))
        chosen = targets[ends[events.user[targets]] - np.arange(len(targets)) == depth]
        first = events.offsets(n_users)[:-1]
        target = first.copy()  # who has no such target keeps no history
        target[events.user[chosen]] = chosen
        future = np.zeros(len(events), bool)
        future[chosen] = chosen - first[events.user[chosen]] >= self.min_history
        asked_at = np.full(n_users, events.time.min(), np.int64)
        asked_at[events.user[chosen]] = events.time[chosen]
        unknown_launch = dataset.items.launched == UNKNOWN_TIME
        return self.snapshot(
            dataset,
            name,
            past=np.arange(len(events)) < target[events.user],
            future=future,
            asked_at=asked_at,
            launched=unknown_launch | launched_by(dataset.items, int(asked_at.max())),
        )


def _tie_warnings(events: Interactions) -> list[str]:
    """A sentence on the share of target events that share their moment with another of their user."""
    same = (events.user[1:] == events.user[:-1]) & (events.time[1:] == events.time[:-1])
    tied = np.zeros(len(events), bool)
    tied[1:] |= same
    tied[:-1] |= same
    if not tied.any():
        return []
    return [
        f"{tied.mean():.1%} of the target events share user and moment with another; which of those is "
        "last was decided by a hash and says nothing."
    ]
