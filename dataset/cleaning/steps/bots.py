"""Users who do more than people do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import pandas as pd

from dataset.cleaning.step import Applied, State, reasons
from dataset.contracts import TRANSITIONAL_KINDS
from dataset.interactions import KINDS, SECONDS_PER_DAY
from dataset.parameters import check_choice, check_int, check_names

_SCOPES: Final = ("day", "user")


@dataclass(frozen=True, kw_only=True)
class BotsByRate:
    """Events of users with more than so many in one UTC day go to the quarantine.

    With the scope "day" those of that day go: nothing that happens later is needed. With "user" all events
    of the user go, those before the burst too: the step then sees past a split in time.

    Parameters
    ----------
    max_events_a_day : int
        At least 1; repetitions count unless a step before has merged them.
    kinds : sequence of str
        Kinds that are counted; empty: all. The events of other kinds go along.
    scope : str
        "day" or "user".
    """

    max_events_a_day: int = 500
    kinds: Sequence[str] = ()
    scope: str = "day"
    table: ClassVar[str] = "interactions"
    carries: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_int(self, "max_events_a_day", low=1)
        check_names(self, "kinds", choices=(*KINDS, *TRANSITIONAL_KINDS))
        check_choice(self, "scope", _SCOPES)

    @property
    def surveys(self) -> bool:
        """Whether users are judged by all of their days."""
        return self.scope == "user"

    def survey(self, frame: pd.DataFrame) -> State:
        """Users over the limit on some day of the part."""
        return {"users": sorted(frame.loc[self._over(frame), "user"].unique().tolist())}

    def merged(self, states: "list[State] | tuple[State, ...] | Sequence[State]") -> State:
        """Users over the limit on any day."""
        return {"users": sorted({user for state in states for user in state["users"]})}

    def applied(self, frame: pd.DataFrame, state: State | None) -> Applied:
        """The events of days, or of users, within the limit."""
        out = self._over(frame) if state is None else frame["user"].isin(state["users"])
        why = f"more than {self.max_events_a_day} events of a user in a day"
        return Applied(frame=frame[~out], removed=reasons(why, out))

    def closed(self, carried: pd.DataFrame) -> Applied:
        """Nothing was carried."""
        return Applied(frame=carried.iloc[:0])

    def _over(self, frame: pd.DataFrame) -> "pd.Series[bool]":
        """Whether each event lies in a day over the limit."""
        users, names = pd.factorize(frame["user"])
        stamps = frame["timestamp"].dt.as_unit("s").dt.tz_localize(None).to_numpy()
        days = stamps.view(np.int64) // SECONDS_PER_DAY
        _, place = np.unique(days * np.int64(max(len(names), 1)) + users, return_inverse=True)
        counts = frame["kind"].isin(self.kinds).to_numpy() if self.kinds else np.ones(len(frame), bool)
        n_events = np.bincount(place, weights=counts, minlength=1)
        return pd.Series(n_events[place] > self.max_events_a_day, index=frame.index)
