"""Rows without what they are needed for."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from dataset.cleaning.quarantine import NAMES
from dataset.cleaning.step import Applied, LocalStep, State, reasons
from dataset.contracts import LISTS
from dataset.parameters import check_choice, check_names


@dataclass(frozen=True, kw_only=True)
class MissingRemoved(LocalStep):
    """Rows with a missing cell in one of some columns go to the quarantine.

    Each row is judged by itself, so nothing leaks.

    Parameters
    ----------
    table : str
        users, items or interactions.
    columns : sequence of str
        Of lists an empty one is missing; a column that the table has not got is left alone.
    """

    table: str
    columns: Sequence[str]

    def __post_init__(self) -> None:
        check_choice(self, "table", NAMES)
        check_names(self, "columns", may_be_empty=False)

    def applied(self, frame: pd.DataFrame, state: State | None) -> Applied:
        """The rows that have all; of several missing cells the first column is the reason."""
        why = pd.Series(pd.NA, index=frame.index, dtype="str")
        absent = {f"{name}: there is no such column": 0 for name in self.columns if name not in frame}
        for name in self.columns:
            if name in frame:
                missing = frame[name].str.len() == 0 if name in LISTS else frame[name].isna()
                why[missing & why.isna()] = f"{name} is missing"
        out = why.notna()
        return Applied(frame=frame[~out], removed=why[out] if out.any() else reasons("", out), changed=absent)
