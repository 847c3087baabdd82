"""What those who took the same things at the same time have been taking lately."""

from collections.abc import Mapping
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from dataset.interactions import SECONDS_PER_DAY
from dataset.parameters import check_int, check_number
from dataset.persistence import Saved
from dataset.ragged import offsets_of
from dataset.ranked import Ranked
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors
from retrieval.sparse_rows import RowSums


@dataclass(frozen=True)
class FittedCompanions(Saved):
    """Who took each item when, and what they have been taking: n_items items, n_users users, n events.

    Parameters
    ----------
    offsets : int64 array of shape (n_items + 1,)
        Events on item i are rows `offsets[i]:offsets[i + 1]`, oldest first.
    user : int32 array of shape (n,)
    time : int64 array of shape (n,)
    taken : CSR matrix, float32, of shape (n_users, n_items)
        Events of each user, decayed with their age.
    days : float
    decay_days : float
    crowd_power : float
    """

    offsets: npt.NDArray[np.int64]
    user: npt.NDArray[np.int32]
    time: npt.NDArray[np.int64]
    taken: sp.csr_matrix
    days: float
    decay_days: float
    crowd_power: float

    def retrieve(self, requests: Requests, k: int) -> Ranked:
        """The k items with the largest positive sums."""
        return self._sums(requests).best(requests.eligibility, k)

    def score(
        self, requests: Requests, offsets: npt.NDArray[np.int64], item: npt.NDArray[np.int32]
    ) -> npt.NDArray[np.float32]:
        """The sums of given candidates: 0 where no companion took it, NaN for a user without companions."""
        return self._sums(requests).of(offsets, item)

    def _sums(self, requests: Requests) -> RowSums:
        """What the companions of each query took, to be added up."""
        history = requests.history
        reach = round(self.days * SECONDS_PER_DAY)
        first, stop = _reached(history.item, history.time, self.offsets, self.time, reach)
        of_event = offsets_of(stop - first)
        companion = np.empty(of_event[-1], np.int32)
        weight = np.empty(of_event[-1], np.float32)
        own = requests.queries.user[history.query]
        _fill(
            own, history.time, history.weight, first, stop, of_event, self.user, self.time,
            self.decay_days * SECONDS_PER_DAY, self.crowd_power, companion, weight,
        )  # fmt: skip
        return RowSums(of_event[history.offsets], companion, weight, self.taken)


@dataclass(frozen=True, kw_only=True)
class Companions:
    """Score of an item = sum over the user's events, and over others' on the same item within `days`, of
    what the others took of it lately.

    A companion weighs exp(-days apart / `decay_days`), times the weight of the user's event by its kind, over
    (1 + number of companions of the event)^`crowd_power`; what a companion took weighs .5^(age /
    `half_life_days`), all of one companion over the square root of their number. A campaign that sends one
    box to many, or a shelf that is rearranged, shows in who took what when, before counts of pairs of items
    can tell.

    Parameters
    ----------
    quota : int
        Candidates that the source may nominate a query; 0 for a pure scorer. Changes results.
    days : float
        Days between two events on an item within which their users are companions. Changes results and speed.
    decay_days : float
        Days apart at which a companion weighs 1 / e, above 0. Changes results.
    half_life_days : float
        Age at which what a companion took counts half; 0 switches it off. Changes results.
    crowd_power : float
        Discount of events with many companions, within 0 and 1: 0 none, 1 full. Changes results.

    References
    ----------
    Herlocker, Konstan, Borchers and Riedl, "An algorithmic framework for performing collaborative filtering",
    SIGIR 1999 (neighbours among users); Garg, Gupta, Malhotra, Vig and Shroff, "Sequence and time aware
    neighborhood for session-based recommendations", SIGIR 2019 (exponential decay with the time between).
    """

    quota: int = 60
    days: float = 180.0
    decay_days: float = 60.0
    half_life_days: float = 60.0
    crowd_power: float = 0.5

    def __post_init__(self) -> None:
        check_int(self, "quota", low=0)
        check_number(self, "days", low=0)
        check_number(self, "decay_days", low=1e-3)
        check_number(self, "half_life_days", low=0)
        check_number(self, "crowd_power", low=0, high=1)

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> FittedCompanions:
        """Sort the history by item and time, and weigh what every user took."""
        said = snapshot.history_weight > 0
        events, weight = snapshot.history.take(said), snapshot.history_weight[said].astype(np.float64)
        if self.half_life_days > 0:
            age = (snapshot.cutoff - events.time) / SECONDS_PER_DAY
            weight = weight * np.exp2(-age / self.half_life_days)
        number = np.bincount(events.user, minlength=len(snapshot.users))
        weight = (weight / np.sqrt(number[events.user])).astype(np.float32)
        shape = (len(snapshot.users), len(snapshot.items))
        taken = sp.csr_matrix((weight, (events.user, events.item)), shape=shape)
        order = np.lexsort((events.user, events.time, events.item))
        return FittedCompanions(
            offsets=offsets_of(np.bincount(events.item, minlength=len(snapshot.items))),
            user=events.user[order],
            time=events.time[order],
            taken=taken,
            days=float(self.days),
            decay_days=float(self.decay_days),
            crowd_power=float(self.crowd_power),
        )


@numba.njit(nogil=True, cache=True)
def _reached(item, time, offsets, item_time, reach):  # type: ignore[no-untyped-def]
    """Rows `first:stop` of the events on each item no further than `reach` seconds from `time`."""
    first, stop = np.empty(len(item), np.int64), np.empty(len(item), np.int64)
    for at in range(len(item)):
        start = offsets[item[at]]
        times = item_time[start : offsets[item[at] + 1]]
        first[at] = start + np.searchsorted(times, time[at] - reach)
        stop[at] = start + np.searchsorted(times, time[at] + reach, side="right")
    return first, stop


@numba.njit(nogil=True, cache=True)
def _fill(  # type: ignore[no-untyped-def]
    own, time, event_weight, first, stop, of_event, user, item_time, decay, crowd_power, companion, weight
):
    """Fill `companion` and `weight` with the others of each event; -1 for the user's own events."""
    for event in range(len(own)):
        scale = event_weight[event] / (1.0 + stop[event] - first[event]) ** crowd_power
        for row in range(first[event], stop[event]):
            at = of_event[event] + row - first[event]
            companion[at] = user[row] if user[row] != own[event] else -1
            weight[at] = scale * np.exp(-abs(item_time[row] - time[event]) / decay)
