"""When things happened: what a log's clock can tell, and the month of each event."""

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from dataset.interactions import SECONDS_PER_DAY, Interactions


@dataclass(frozen=True)
class Timeline:
    """The clock of a log and its months, UTC: n events.

    Parameters
    ----------
    clock : str
        "seconds"; "days" where all events stand at one or two times of day, so that only dates are known;
        "steps" where every user has one event a day up to the same last day: such times were made of
        positions from the end, and no calendar may be read into them.
    first, last : int
        Seconds since 1970 of the first and the last event.
    month : int32 array of shape (n,)
        Of each event, counted from the month of the first.
    months : tuple of str
        "2022-07", from the first month to the last without a gap.
    seconds_of_day : int64 array of shape (86,400,)
        Events in each second of the day.
    """

    clock: str
    first: int
    last: int
    month: npt.NDArray[np.int32]
    months: tuple[str, ...]
    seconds_of_day: npt.NDArray[np.int64]

    @classmethod
    def of(cls, events: Interactions) -> "Timeline":
        """The timeline of at least one event, in the order of `Interactions`."""
        first, last = int(events.time.min()), int(events.time.max())
        start, end = (np.datetime64(moment, "s").astype("datetime64[M]") for moment in (first, last))
        month = events.time.astype("datetime64[s]").astype("datetime64[M]") - start
        seconds = np.bincount(events.time % SECONDS_PER_DAY, minlength=SECONDS_PER_DAY)
        return cls(
            clock=_clock(events, seconds),
            first=first,
            last=last,
            month=month.astype(np.int32),
            months=tuple(str(name) for name in np.arange(start, end + 1)),
            seconds_of_day=seconds,
        )

    @property
    def is_nominal(self) -> bool:
        """Whether the times are steps and no calendar."""
        return self.clock == "steps"

    @property
    def is_whole(self) -> npt.NDArray[np.bool_]:
        """Months of which the log holds every day, as far as its first and last event tell, bool (m,)."""
        whole = np.ones(len(self.months), bool)
        whole[0] = np.datetime64(self.first, "s").astype("datetime64[D]") == np.datetime64(
            self.months[0], "D"
        )
        tomorrow = np.datetime64(self.last, "s").astype("datetime64[D]") + 1
        whole[-1] &= tomorrow == np.datetime64(self.months[-1], "M").astype("datetime64[M]") + 1
        return whole

    @property
    def span_days(self) -> int:
        """Days from the first event's to the last's, both included."""
        return self.last // SECONDS_PER_DAY - self.first // SECONDS_PER_DAY + 1


def day_of(seconds: int) -> str:
    """A moment as its UTC day, "2022-07-01"."""
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


def _clock(events: Interactions, seconds_of_day: npt.NDArray[np.int64]) -> str:
    if np.count_nonzero(seconds_of_day) > 2:
        return "seconds"
    newest = np.ones(len(events), bool)
    newest[:-1] = events.user[1:] != events.user[:-1]
    ends = events.time[newest]
    step = np.diff(events.time)[~newest[:-1]]
    is_nominal = (
        len(ends) > 1 and len(step) > 0 and (ends == ends[0]).all() and (step == SECONDS_PER_DAY).all()
    )
    return "steps" if is_nominal else "days"
