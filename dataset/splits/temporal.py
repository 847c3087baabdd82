"""Cut at one moment for everybody: what a shop faces each night."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.dataset import Dataset
from dataset.errors import DataContractError, ParameterError
from dataset.interactions import SECONDS_PER_DAY, Interactions
from dataset.parameters import check_bool, check_int, check_number
from dataset.snapshot import Snapshot
from dataset.splits.rules import Rules, check_events, launched_by
from dataset.splits.split import Split, assemble

HALF_A_YEAR: Final = 182 * SECONDS_PER_DAY
LARGEST_SHARE_OF_PAST: Final = 0.7


@dataclass(frozen=True, kw_only=True)
class Temporal(Rules):
    """One cut-off for all users; the past is cut again at earlier moments for training.

    The test's truth is every target event at or after the cut-off. The validation snapshot lies one
    horizon before, the training snapshots one more horizon each, and the truth of each ends where the
    next begins, so that none of them reaches past the test's cut-off. All users with a truth item are
    asked for at the cut-off, those without history too. An item is known if it was launched by then or
    has an event before.

    Parameters
    ----------
    cutoff : str or float
        A date or moment in ISO 8601, UTC unless it says otherwise ("2022-07-01"), or a share between 0
        and 1: the moment at which that share of all events has passed. Changes results.
    n_training : int
        Number of training snapshots, at least 1. Changes results, and costs a fit each.
    horizon_days : float or None
        Length of the truth window of the past snapshots, at least .01. None: from the cut-off to the
        last event, at least a day and at most half a year: nearer and more snapshots teach the ranker
        better than longer ones. Shrunk, with a warning, where the windows would take more than 70 %
        of the time before the cut-off. Changes results.
    keep_one : bool
        Whether each user keeps at least one transaction in the history: for users whose every event lies
        at or after the cut-off, those of their first moment become history of the test, and they are
        asked for right after it. A convenience that breaks strict time order for these users: through
        their events, other users' models see a little of the future, and so does the catalogue, for
        which such an item counts as known. `Snapshot.cutoff` is then the latest query.
    set_aside : int
        Number of windows at the end that are treated as though they had not happened yet: 0 judges on the
        test window, 1 on what else is the validation window, with older ones to train and stop on, so that
        settings are chosen by the very procedure that is judged, and the test is never read. The cut-off
        moves back by as many horizons; the later windows are dropped before anything else is done, and of
        them only the share that `cutoff` may be and the default horizon know, as without `set_aside`.
        `latest` sets nothing aside. Changes results.
    """

    cutoff: str | float = 0.85
    n_training: int = 2
    horizon_days: float | None = None
    keep_one: bool = False
    set_aside: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.cutoff, str):
            _seconds(self.cutoff)
        elif isinstance(self.cutoff, bool) or not isinstance(self.cutoff, float) or not 0 < self.cutoff < 1:
            raise ParameterError("Temporal", "cutoff", _CUTOFF, self.cutoff)
        check_int(self, "n_training", low=1)
        if self.horizon_days is not None:
            check_number(self, "horizon_days", low=0.01)
        check_bool(self, "keep_one")
        check_int(self, "set_aside", low=0)

    def split(self, dataset: Dataset) -> Split:
        """Cut `dataset`.

        Raises
        ------
        DataContractError
            If the cut-off lies outside the data, or nobody has history or truth.
        """
        events = check_events(dataset)
        first, cutoff = int(events.time.min()), self._cutoff(events.time)
        horizon, warnings = self._shortened(self._horizon(events.time, cutoff), first, cutoff)
        if self.set_aside:
            end = cutoff - (self.set_aside - 1) * horizon
            cutoff = end - horizon
            horizon, more = self._shortened(horizon, first, cutoff)
            warnings += more
            events = events.take(events.time < end)
            dataset = replace(dataset, interactions=events)
        snapshots = [self._test(dataset, events, cutoff, warnings)]
        names = ("validation", *(f"training_{j}" for j in range(1, self.n_training + 1)))
        for j, name in enumerate(names):
            end = cutoff - j * horizon
            snapshots.append(self._past(dataset, events.time, name, end - horizon, end))
        return assemble(snapshots, warnings)

    def _cutoff(self, time: npt.NDArray[np.int64]) -> int:
        first, last = int(time.min()), int(time.max())
        if isinstance(self.cutoff, str):
            cutoff = _seconds(self.cutoff)
        else:
            at = int(self.cutoff * len(time))
            cutoff = int(np.partition(time, at)[at])
        if not first < cutoff <= last:
            raise DataContractError(
                f"The cut-off must lie after the first event and not after the last, {_day(first)} to "
                f"{_day(last)}. Got {_day(cutoff)} from cutoff={self.cutoff}."
            )
        return cutoff

    def _horizon(self, time: npt.NDArray[np.int64], cutoff: int) -> int:
        """Wanted length of the past windows in seconds."""
        if self.horizon_days is not None:
            return round(self.horizon_days * SECONDS_PER_DAY)
        return min(max(int(time.max()) - cutoff, SECONDS_PER_DAY), HALF_A_YEAR)

    def _shortened(self, wanted: int, first: int, cutoff: int) -> tuple[int, list[str]]:
        """Length of the past windows that the time from `first` to the cut-off can hold, and a warning."""
        n_windows = self.n_training + 1
        longest = int(LARGEST_SHARE_OF_PAST * (cutoff - first) / n_windows)
        if wanted <= longest:
            return wanted, []
        if longest >= SECONDS_PER_DAY:  # whole days keep the cut-offs of daily data at midnight
            longest -= longest % SECONDS_PER_DAY
        if longest < 1:
            raise DataContractError(
                f"The time before the cut-off must hold {n_windows} windows. Got "
                f"{max(cutoff - first, 0)} seconds; move the cut-off, or lower n_training or set_aside."
            )
        warning = (
            f"The truth windows of the past were shortened from {wanted / SECONDS_PER_DAY:.4g} to "
            f"{longest / SECONDS_PER_DAY:.4g} days, because {n_windows} of them must leave "
            f"{1 - LARGEST_SHARE_OF_PAST:.0%} of the time before the cut-off as history."
        )
        return longest, [warning]

    def _past(
        self, dataset: Dataset, time: npt.NDArray[np.int64], name: str, cutoff: int, end: int
    ) -> Snapshot:
        return self.snapshot(
            dataset,
            name,
            past=time < cutoff,
            future=(time >= cutoff) & (time < end),
            asked_at=np.full(len(dataset.users), cutoff, np.int64),
            launched=launched_by(dataset.items, cutoff),
        )

    def _test(self, dataset: Dataset, events: Interactions, cutoff: int, warnings: list[str]) -> Snapshot:
        past = events.time < cutoff
        asked_at = np.full(len(dataset.users), cutoff, np.int64)
        if self.keep_one:
            offsets = events.offsets(len(dataset.users))
            first = np.full(len(dataset.users), -1, np.int64)
            active = np.diff(offsets) > 0
            first[active] = events.time[offsets[:-1][active]]
            new = first >= cutoff
            asked_at[new] = first[new] + 1
            past |= new[events.user] & (events.time == first[events.user])
            if new.any():
                warnings.append(
                    f"keep_one moved the first events of {int(new.sum())} users, who come after the "
                    "cut-off, into the history: for them, time order is broken."
                )
        return self.snapshot(
            dataset,
            "test",
            past=past,
            future=~past & (events.time >= cutoff),
            asked_at=asked_at,
            launched=launched_by(dataset.items, cutoff),
        )


_CUTOFF: Final = 'a date such as "2022-07-01", or a share between 0 and 1'


def _seconds(date: str) -> int:
    """Seconds since 1970 of an ISO 8601 date; without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(date)
    except ValueError as error:
        raise ParameterError("Temporal", "cutoff", _CUTOFF, date) from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(sep=" ").removesuffix(" 00:00:00+00:00")
