"""What cleaning took out or changed: the rows, and the count of every one of them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import pandas as pd

from dataset.cleaning.step import LEFT, STREAM
from dataset.errors import DataContractError
from dataset.sources.stream import LEFT_OUT

NAMES: Final = ("users", "items", "interactions")
HIDDEN: Final = (STREAM, LEFT)
"""Columns that are ours and no part of a row as it came."""

Outcome: TypeAlias = tuple[str, int, str, str]
Change: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Quarantine:
    """What cleaning took out or changed, and why.

    Parameters
    ----------
    rows : DataFrame
        `table`, `level` ("row" or "cell", see `Tables.rejected`), `reason`, `row` (JSON).
    counts : mapping of str to mapping of str to int
        For each table `in`, `added`, `kept`, `quarantined`, `merged`, `cells`;
        in + added = kept + quarantined + merged. `added` are users known from events alone; `cells` are
        emptied cells of kept rows.
    merged : mapping of str to int
        Rows merged into another or settled against another, by "table: reason".
    changed : mapping of str to mapping of str to int
        Cells changed by each step, by "column: how".
    conflicts : mapping of str to int
        Ids of which rows say different things, by "table.column".
    """

    rows: pd.DataFrame
    counts: Mapping[str, Mapping[str, int]]
    merged: Mapping[str, int]
    changed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    conflicts: Mapping[str, int] = field(default_factory=dict)

    def report(self) -> dict[str, Any]:
        """Plain counts, also of the reasons of each table, for JSON."""
        by_table = {name: self.rows.loc[self.rows["table"] == name, "reason"] for name in NAMES}
        return {
            "tables": {name: dict(counts) for name, counts in self.counts.items()},
            "reasons": {
                name: {str(why): int(n) for why, n in reasons.value_counts().sort_index().items()}
                for name, reasons in by_table.items()
            },
            "merged": dict(self.merged),
            "changed": {name: dict(cells) for name, cells in self.changed.items()},
            "conflicts": dict(self.conflicts),
        }


@dataclass(frozen=True)
class Tally:
    """Counts that add up over the parts of a table.

    Parameters
    ----------
    rows : mapping of (str, int, str, str) to int
        Rows by table, stream, outcome ("quarantined" or "merged") and reason.
    cells : mapping of (str, str, str) to int
        Cells changed by table, step and "column: how".
    """

    rows: Mapping[Outcome, int] = field(default_factory=dict)
    cells: Mapping[Change, int] = field(default_factory=dict)

    @classmethod
    def of(cls, table: str, outcome: str, frame: pd.DataFrame, reasons: "pd.Series[str]") -> "Tally":
        """The rows of `frame` under the labels of `reasons`; without streams all are of stream 0."""
        if not len(reasons):
            return cls()
        streams = frame[STREAM].loc[reasons.index] if STREAM in frame else pd.Series(0, index=reasons.index)
        found = pd.DataFrame({"stream": streams, "reason": reasons}).value_counts()
        listed = found.reset_index().itertuples(index=False, name=None)
        return cls({(table, int(at), outcome, str(why)): int(n) for at, why, n in listed})

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(dict(Counter(self.rows) + Counter(other.rows)), _sum(self.cells, other.cells))

    def total(self, table: str, outcome: str) -> Mapping[str, int]:
        """Rows of a table by reason, reasons in order, all streams together."""
        found: Counter[str] = Counter()
        for (name, _, what, why), n in sorted(self.rows.items()):
            if (name, what) == (table, outcome):
                found[why] += n
        return dict(found)

    def changed(self) -> Mapping[str, Mapping[str, int]]:
        """Cells by step, then by "column: how"."""
        found: dict[str, dict[str, int]] = {}
        for (_, step, how), n in sorted(self.cells.items()):
            found.setdefault(step, {})[how] = n
        return found

    def plain(self) -> dict[str, Any]:
        """For JSON; `restored` reads it."""
        return {
            "rows": [[*key, n] for key, n in sorted(self.rows.items())],
            "cells": [[*key, n] for key, n in sorted(self.cells.items())],
        }

    @classmethod
    def restored(cls, plain: Mapping[str, Sequence[Sequence[Any]]]) -> "Tally":
        """What `plain` gave."""
        return cls(
            {(table, at, outcome, why): n for table, at, outcome, why, n in plain["rows"]},
            {(table, step, how): n for table, step, how, n in plain["cells"]},
        )


def counted_towards_share(reasons: Mapping[str, int]) -> dict[str, int]:
    """The reasons that speak of bad data, without rows that the configuration leaves out."""
    return {why: n for why, n in reasons.items() if not why.startswith(LEFT_OUT)}


def check_share(table: str, reasons: Mapping[str, int], total: int, limit: float) -> None:
    """Raise `DataContractError` if more than `limit` of the `total` rows are quarantined, by `reasons`."""
    lost = sum(reasons.values())
    if lost > limit * total:
        ordered = sorted(reasons.items(), key=lambda entry: (-entry[1], entry[0]))
        top = ", ".join(f"{why} ({n})" for why, n in ordered[:3])
        raise DataContractError(
            f"At most {limit:.0%} of {table} may be quarantined. Got {lost} of {total} rows: {top}. "
            "Mend the source, or raise max_quarantined_share."
        )


def _sum(one: Mapping[Change, int], other: Mapping[Change, int]) -> dict[Change, int]:
    """Counters drop zeros when added; a zero says that a step ran."""
    return {key: one.get(key, 0) + other.get(key, 0) for key in {**one, **other}}
