"""Events that came twice, as exports overlap and buttons are pressed twice."""

from dataclasses import dataclass
from typing import ClassVar, Final

import pandas as pd

from dataset.cleaning.step import LEFT, STREAM, Applied, LocalStep, State, reasons

EVENT: Final = ["user", "item", "kind", "timestamp"]
"""What makes an event."""


@dataclass(frozen=True, kw_only=True)
class DuplicateEvents(LocalStep):
    """Events alike in user, item, kind and timestamp are one.

    Of them the greatest value, then the greatest quantity, then the last statement in the order of the
    alphabet stands, whatever the order of the rows. Nothing of another moment is needed, so nothing leaks.
    """

    table: ClassVar[str] = "interactions"

    def applied(self, frame: pd.DataFrame, state: State | None) -> Applied:
        """One row of each event."""
        alike = frame[frame.duplicated(EVENT, keep=False)]
        if not len(alike):
            return Applied(frame=frame)
        order = alike.sort_values([*EVENT, *tie_breakers(frame)], na_position="first")
        out = pd.Series(
            frame.index.isin(order.index[order.duplicated(EVENT, keep="last")]), index=frame.index
        )
        return Applied(frame=frame[~out], merged=reasons("the event repeats", out))


def tie_breakers(frame: pd.DataFrame) -> list[str]:
    """Columns that order events which are alike, so that the order of the rows need not."""
    known = {*EVENT, "value", "quantity", STREAM, LEFT}
    stated = sorted(str(name) for name in frame.columns if name not in known)
    return ["value", "quantity", *stated, *([STREAM] if STREAM in frame else [])]
