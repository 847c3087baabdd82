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
        What everything below the ranker is fitted on (embeddings, sources, features): "up_to_target", each
        user's events before the target; "training_events", those before the target event that comes before
        it, as in the papers. There, events between the two are history of the user's own request alone: at
        the test, the validation's item is known of its user and has taught nobody's model. Every snapshot
        keeps this distance, so that training and inference are alike. Users without such a target give
        none. In either case the ranker may still learn from the validation's truth, unless it is configured
        not to (`ranking.refit: false`). Changes results.
    set_aside : int
        Number of windows at the end, that is of each user's last target events, that are treated as though
        they had not happened yet: 0 judges on the test window, 1 on what else is the validation window,
        with older ones to train and stop on, so that settings are chosen by the very procedure that is
        judged, and the test is never read. `latest` sets nothing aside. Changes results.
    """

    n_training: int = 2
    min_history: int = 1
    statistics: str = "up_to_target"
    set_aside: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_int(self, "n_training", low=1)
        check_int(self, "min_history", low=0)
        check_choice(self, "statistics", ("up_to_target", "training_events"))
        check_int(self, "set_aside", low=0)

    def split(self, dataset: Dataset) -> Split:
        """Cut `dataset`.

        Raises
        ------
        DataContractError
            If nobody has enough events.
        """
        events, n_users = check_events(dataset), len(dataset.users)
        targets = np.flatnonzero(self.is_target(events))
        ends = np.cumsum(np.bincount(events.user[targets], minlength=n_users))
        depth = ends[events.user[targets]] - np.arange(len(targets))  # 1 is each user's last
        names = ("test", "validation", *(f"training_{j}" for j in range(1, self.n_training + 1)))
        snapshots = [
            self._snapshot(dataset, name, targets[depth == at], targets[depth == at + 1])
            for at, name in enumerate(names, start=1 + self.set_aside)
        ]
        warnings = _tie_warnings(events.take(targets[depth > self.set_aside]))
        return assemble(snapshots, warnings, by_position=True)

    def _snapshot(
        self,
        dataset: Dataset,
        name: str,
        chosen: npt.NDArray[np.int64],
        one_before: npt.NDArray[np.int64],
    ) -> Snapshot:
        """The snapshot whose targets are the rows `chosen`, at most one a user; `one_before` precede them."""
        events, n_users = dataset.interactions, len(dataset.users)
        first = events.offsets(n_users)[:-1]
        future = np.zeros(len(events), bool)
        future[chosen] = chosen - first[events.user[chosen]] >= self.min_history
        asked_at = np.full(n_users, events.time.min(), np.int64)
        asked_at[events.user[chosen]] = events.time[chosen]
        unknown_launch = dataset.items.launched == UNKNOWN_TIME
        return self.snapshot(
            dataset,
            name,
            past=_before(events, chosen, n_users),
            future=future,
            asked_at=asked_at,
            launched=unknown_launch | launched_by(dataset.items, int(asked_at.max())),
            fitted_on=None if self.statistics == "up_to_target" else _before(events, one_before, n_users),
        )


def _before(events: Interactions, rows: npt.NDArray[np.int64], n_users: int) -> npt.NDArray[np.bool_]:
    """Whether each event precedes its user's row among `rows`, bool of shape (n,); False if there is none."""
    stop = events.offsets(n_users)[:-1].copy()
    stop[events.user[rows]] = rows
    before: npt.NDArray[np.bool_] = np.arange(len(events)) < stop[events.user]
    return before


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
