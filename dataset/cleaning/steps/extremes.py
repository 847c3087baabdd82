"""Numbers too small or too great to be true."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

import pandas as pd

from dataset.cleaning.histograms import Histogram, added, counted
from dataset.cleaning.limits import Rule
from dataset.cleaning.quarantine import NAMES
from dataset.cleaning.step import Applied, State, reasons
from dataset.contracts import TRANSITIONAL_KINDS
from dataset.errors import DataContractError
from dataset.interactions import KINDS
from dataset.parameters import check_choice, check_names

_ACTIONS: Final = ("clip", "quarantine")


@dataclass(frozen=True, kw_only=True)
class ExtremeValues:
    """Numbers of one column outside the limits of a rule are brought to the limit, or their rows go.

    Hard bounds leak nothing; quantiles and whiskers are statistics of the whole table and see rows after a
    split in time. Missing cells are left alone.

    Parameters
    ----------
    table : str
        users, items or interactions.
    column : str
        Of numbers; a table without it is left alone.
    rule : Rule
        `Bounds`, `Quantiles` or `Whiskers`.
    action : str
        "clip" or "quarantine".
    kinds : sequence of str
        Of interactions: kinds of events that are looked at; empty: all.
    """

    table: str
    column: str
    rule: Rule
    action: str = "quarantine"
    kinds: Sequence[str] = ()
    carries: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_choice(self, "table", NAMES)
        check_choice(self, "action", _ACTIONS)
        allowed = (*KINDS, *TRANSITIONAL_KINDS) if self.table == "interactions" else ()
        check_names(self, "kinds", choices=allowed)

    @property
    def surveys(self) -> bool:
        """Whether the rule depends on the numbers of the whole table."""
        return self.rule.surveys

    def survey(self, frame: pd.DataFrame) -> State:
        """How often each number occurs."""
        return (
            counted(self._numbers(frame).dropna())
            if self.column in frame
            else counted(pd.Series([], dtype=float))
        )

    def merged(self, states: Sequence[State]) -> State:
        """The counts together."""
        return added(states)

    def applied(self, frame: pd.DataFrame, state: State | None) -> Applied:
        """The rows within the limits, or brought to them."""
        if self.column not in frame:
            return Applied(frame=frame, changed={f"{self.column}: there is no such column": 0})
        if state is not None and not state["count"]:
            return Applied(frame=frame)
        seen = Histogram(state, by_group=False) if state is not None else None
        low, high = self.rule.limits(seen)
        numbers = self._numbers(frame)
        below, above = numbers < low, numbers > high
        if self.action == "quarantine":
            why = [reasons(f"{self.column} is extremely small", below),
                   reasons(f"{self.column} is extremely great", above)]  # fmt: skip
            return Applied(frame=frame[~(below | above)], removed=pd.concat(why))
        clipped = frame[self.column].mask(below, low).mask(above, high)
        return Applied(
            frame=frame.assign(**{self.column: clipped}),
            changed={f"{self.column}: raised to the limit": int(below.sum()),
                     f"{self.column}: lowered to the limit": int(above.sum())},
        )  # fmt: skip

    def _numbers(self, frame: pd.DataFrame) -> "pd.Series[float]":
        """The numbers looked at, missing elsewhere."""
        numbers = frame[self.column]
        if not pd.api.types.is_numeric_dtype(numbers) or pd.api.types.is_bool_dtype(numbers):
            raise DataContractError(
                f"Extreme values are looked for among numbers. Got {self.column} of {self.table}, "
                f"which holds {numbers.dtype}."
            )
        return numbers.where(frame["kind"].isin(self.kinds)) if self.kinds else numbers
