"""From tables as they came to tables that keep their contracts; nothing is dropped without a trace."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from dataset.canonical import Tables
from dataset.contracts import violations
from dataset.encoding import RowOracle
from dataset.errors import ConfigurationError, DataContractError
from dataset.sources.files import rejects

NAMES: Final = ("users", "items", "interactions")
_REPEATS: Final = {
    "users": "an id repeats, the last row wins",
    "items": "an id repeats, the last row wins",
    "interactions": "the event repeats",
}
_EVENT: Final = ["user", "item", "kind", "timestamp"]


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
        Rows merged into another, by reason.
    """

    rows: pd.DataFrame
    counts: Mapping[str, Mapping[str, int]]
    merged: Mapping[str, int]

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
        }


def clean(tables: Tables, max_quarantined_share: float = 0.05) -> tuple[Tables, Quarantine]:
    """Take out rows that break a contract, merge repetitions, add users known from events alone.

    Of rows with one id the last wins. Events alike in user, item, kind and timestamp are one event, and
    the greatest value, quantity and statement stand. Events of a product or user that is not known, or
    was quarantined, are quarantined too: without the row nobody knows what it contains or avoids.

    Parameters
    ----------
    tables : Tables
        As a source delivers them.
    max_quarantined_share : float
        0 to 1; a table that loses a greater share of its rows is refused.

    Returns
    -------
    Tables
        Fit for `encode`.
    Quarantine
        What was taken out, with reasons and counts.

    Raises
    ------
    DataContractError
        If a column is missing or mistyped, too much is quarantined, or no event or item is left.
    """
    number = isinstance(max_quarantined_share, int | float) and not isinstance(max_quarantined_share, bool)
    if not number or not 0 <= max_quarantined_share <= 1:
        raise ConfigurationError(
            f"max_quarantined_share must be within 0 and 1. Got {max_quarantined_share!r} instead."
        )
    frames = {name: getattr(tables, name).reset_index(drop=True) for name in NAMES}
    reasons = {name: _reasons(name, frames[name], tables.stated) for name in NAMES}
    _follow(frames, reasons)
    _check_share(frames, reasons, tables.rejected, max_quarantined_share)
    kept, merged = _merged({name: frames[name][reasons[name].isna()] for name in NAMES}, tables.stated)
    if not len(kept["interactions"]):
        raise DataContractError(_nothing_left(frames, reasons))
    oracle = _recoded(tables, kept)
    users, added = _with_missing(kept["users"], kept["interactions"]["user"])
    if added and oracle is not None:
        raise DataContractError("With an oracle every event's user must be in users. Got one who is not.")
    cleaned = replace(
        tables,
        users=users,
        items=kept["items"].reset_index(drop=True),
        interactions=kept["interactions"].reset_index(drop=True),
        oracle=oracle,
        rejected=tables.rejected.iloc[:0],
    )
    rows = _taken(frames, reasons, tables.rejected)
    counts = _counts(rows, frames, tables.rejected, cleaned, merged)
    return cleaned, Quarantine(rows=rows, counts=counts, merged=merged)


def _merged(
    kept: dict[str, pd.DataFrame], stated: Sequence[str]
) -> tuple[dict[str, pd.DataFrame], dict[str, int]]:
    """The tables without repetitions, and how many rows went into another, by reason."""
    distinct = {
        "users": kept["users"].drop_duplicates("user", keep="last"),
        "items": kept["items"].drop_duplicates("item", keep="last"),
        "interactions": _distinct(kept["interactions"], stated),
    }
    return distinct, {f"{name}: {_REPEATS[name]}": len(kept[name]) - len(distinct[name]) for name in NAMES}


def _taken(
    frames: Mapping[str, pd.DataFrame], reasons: Mapping[str, "pd.Series[str]"], rejected: pd.DataFrame
) -> pd.DataFrame:
    """All rejects: those of the source, then the bad rows of each table by reason."""
    taken = [rejected]
    for name in NAMES:
        why = reasons[name].dropna()
        taken += [
            rejects(name, "row", str(reason), rows)
            for reason, rows in frames[name].loc[why.index].groupby(why, sort=True)
        ]
    return pd.concat(taken, ignore_index=True)


def _reasons(name: str, frame: pd.DataFrame, stated: Sequence[str]) -> "pd.Series[str]":
    """Why each row is bad, missing where it is good."""
    found = violations(name, frame, stated if name == "interactions" else ())
    return found.set_index("row")["reason"].reindex(frame.index)


def _follow(frames: Mapping[str, pd.DataFrame], reasons: Mapping[str, "pd.Series[str]"]) -> None:
    """Mark events of items that are not known, and of items and users that were quarantined."""
    events, marks = frames["interactions"], reasons["interactions"]
    for table, key in (("items", "item"), ("users", "user")):
        ids = frames[table][key]
        good = reasons[table].isna()
        lost = events[key].isin(ids[~good]) & ~events[key].isin(ids[good])
        marks[lost & marks.isna()] = f"the {key} was quarantined"
    unknown = ~events["item"].isin(frames["items"]["item"])
    marks[unknown & marks.isna()] = "unknown item"


def _check_share(
    frames: Mapping[str, pd.DataFrame],
    reasons: Mapping[str, "pd.Series[str]"],
    rejected: pd.DataFrame,
    limit: float,
) -> None:
    for name in NAMES:
        unread = rejected.loc[(rejected["table"] == name) & (rejected["level"] == "row"), "reason"]
        why = pd.concat([reasons[name].dropna(), unread])
        total = len(frames[name]) + len(unread)
        if len(why) > limit * total:
            top = ", ".join(f"{reason} ({n})" for reason, n in why.value_counts().head(3).items())
            raise DataContractError(
                f"At most {limit:.0%} of {name} may be quarantined. Got {len(why)} of {total} rows: {top}. "
                "Mend the source, or raise max_quarantined_share."
            )


def _distinct(events: pd.DataFrame, stated: Sequence[str]) -> pd.DataFrame:
    """One row of each event, the same whatever the order of the rows."""
    alike = events.duplicated(_EVENT, keep=False)
    if not alike.any():
        return events
    order = events[alike].sort_values([*_EVENT, "value", "quantity", *stated], na_position="first")
    last = order.drop_duplicates(_EVENT, keep="last").index
    return events.loc[(~alike) | events.index.isin(last)]


def _nothing_left(frames: Mapping[str, pd.DataFrame], reasons: Mapping[str, "pd.Series[str]"]) -> str:
    total, lost = len(frames["interactions"]), reasons["interactions"].dropna()
    why = f", the most for: {lost.mode().iloc[0]}" if len(lost) else ""
    return f"At least one event of a known item must be left. Got {total} events and kept none{why}."


def _recoded(tables: Tables, kept: Mapping[str, pd.DataFrame]) -> Any:
    """The oracle in the row order of the rows kept."""
    rows = {name: kept[name].index.to_numpy(np.int64) for name in ("users", "items")}
    whole = len(rows["users"]) == len(tables.users) and len(rows["items"]) == len(tables.items)
    if whole or not isinstance(tables.oracle, RowOracle):
        return tables.oracle
    return tables.oracle.recode(rows["users"], rows["items"])


def _with_missing(users: pd.DataFrame, seen: "pd.Series[str]") -> tuple[pd.DataFrame, int]:
    """`users` and, without attributes, those who appear in events alone."""
    names = seen.drop_duplicates()
    new = names[~names.isin(users["user"])].sort_values()
    if not len(new):
        return users.reset_index(drop=True), 0
    extended = pd.concat([users, pd.DataFrame({"user": new})], ignore_index=True)
    for name in users.columns.intersection(["concerns", "avoids"]):
        blank: npt.NDArray[np.bool_] = np.arange(len(extended)) >= len(users)
        extended.loc[blank, name] = pd.Series([[] for _ in range(len(new))], index=extended.index[blank])
    return extended, len(new)


def _counts(
    taken: pd.DataFrame,
    frames: Mapping[str, pd.DataFrame],
    rejected: pd.DataFrame,
    cleaned: Tables,
    merged: Mapping[str, int],
) -> Mapping[str, Mapping[str, int]]:
    """The counts of `Quarantine`."""
    counts = {}
    unread = rejected.loc[rejected["level"] == "row", "table"]
    new = ~cleaned.users["user"].isin(frames["users"]["user"])
    for name in NAMES:
        level = taken.loc[taken["table"] == name, "level"]
        count = {
            "in": len(frames[name]) + int((unread == name).sum()),
            "added": int(new.sum()) if name == "users" else 0,
            "kept": len(getattr(cleaned, name)),
            "quarantined": int((level == "row").sum()),
            "merged": merged[f"{name}: {_REPEATS[name]}"],
            "cells": int((level == "cell").sum()),
        }
        assert count["in"] + count["added"] == count["kept"] + count["quarantined"] + count["merged"], count
        counts[name] = count
    return counts
