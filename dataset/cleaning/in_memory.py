"""The cleaning of tables that fit into memory, in one part."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dataset.canonical import Tables
from dataset.cleaning.cleaning import Cleaning
from dataset.cleaning.quarantine import HIDDEN, NAMES, Quarantine, Tally, check_share, counted_towards_share
from dataset.cleaning.reconciling import KEYS
from dataset.cleaning.references import References
from dataset.cleaning.settling import Settled, checked, closed, left_out, reconcile, refer, settle, survey
from dataset.cleaning.step import STREAM
from dataset.encoding import RowOracle
from dataset.errors import DataContractError


def clean(tables: Tables, cleaning: Cleaning | None = None) -> tuple[Tables, Quarantine]:
    """Take out rows that break a contract, run the steps, add users known from events alone.

    The order: contracts; one row an id of users and items; their steps; events of users and products that
    nobody knows, or that were quarantined, are quarantined too; the steps of the interactions.

    Parameters
    ----------
    tables : Tables
        As a source delivers them; a column `_stream` (int) may say which of several a row came from.
    cleaning : Cleaning or None
        None: `Cleaning.default()`.

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
    cleaning = Cleaning.default() if cleaning is None else cleaning
    frames = {name: getattr(tables, name).reset_index(drop=True) for name in NAMES}
    stages = _stages(frames, cleaning, tables.stated)
    tally = sum((stage.tally for listed in stages.values() for stage in listed), Tally())
    for name in NAMES:
        _check(name, tally, frames[name], tables.rejected, cleaning.max_quarantined_share)
    kept = {name: _shown(stages[name][-1].frame) for name in NAMES}
    if not len(kept["interactions"]):
        raise DataContractError(_nothing_left(len(frames["interactions"]), tally))
    oracle = _recoded(tables, kept)
    users, n_added = with_missing(kept["users"], kept["interactions"]["user"])
    if n_added and oracle is not None:
        raise DataContractError("With an oracle every event's user must be in users. Got one who is not.")
    cleaned = replace(
        tables,
        users=users,
        items=kept["items"].reset_index(drop=True),
        interactions=kept["interactions"].reset_index(drop=True),
        oracle=oracle,
        rejected=tables.rejected.iloc[:0],
    )
    taken = [_shown(stage.taken) for name in NAMES for stage in stages[name]]
    rows = pd.concat([tables.rejected, *taken], ignore_index=True)
    merged = {f"{name}: {why}": n for name in NAMES for why, n in tally.total(name, "merged").items()}
    conflicts = {f"{name}.{column}": n for name in KEYS for stage in stages[name]
                 for column, n in stage.conflicts.items()}  # fmt: skip
    counts = _counts(rows, frames, cleaned, n_added, tally, tables.rejected)
    return cleaned, Quarantine(
        rows=rows, counts=counts, merged=merged, changed=tally.changed(), conflicts=conflicts
    )


def with_missing(users: pd.DataFrame, seen: "pd.Series[str]") -> tuple[pd.DataFrame, int]:
    """`users` and, without attributes, those who appear in events alone; and how many these are."""
    names = seen.drop_duplicates()
    new = names[~names.isin(users["user"])].sort_values()
    if not len(new):
        return users.reset_index(drop=True), 0
    extended = pd.concat([users, pd.DataFrame({"user": new})], ignore_index=True)
    for name in users.columns.intersection(["concerns", "avoids"]):
        blank: npt.NDArray[np.bool_] = np.arange(len(extended)) >= len(users)
        extended.loc[blank, name] = pd.Series([[] for _ in range(len(new))], index=extended.index[blank])
    return extended, len(new)


def _stages(
    frames: Mapping[str, pd.DataFrame], cleaning: Cleaning, stated: Sequence[str]
) -> dict[str, list[Settled]]:
    """What each stage made of each table."""
    stages: dict[str, list[Settled]] = {}
    for name in KEYS:
        contract = checked(name, frames[name])
        one = reconcile(name, contract.frame, cleaning)
        states = survey(name, one.frame, cleaning)
        stages[name] = [contract, one, settle(name, one.frame, cleaning, states)]
    kept = {name: stages[name][-1].frame[key] for name, key in KEYS.items()}
    seen = {name: frames[name][key] for name, key in KEYS.items()}
    out = {name: left_out(name, stages[name][-1].taken) for name in KEYS}
    contract = checked("interactions", frames["interactions"], stated)
    known = refer(contract.frame, References.of(kept, seen, out))
    states = survey("interactions", known.frame, cleaning)
    settled = settle("interactions", known.frame, cleaning, states)
    rest = closed(cleaning, settled.carried)
    stages["interactions"] = [contract, known, rest, settled]
    return stages


def _check(table: str, tally: Tally, frame: pd.DataFrame, rejected: pd.DataFrame, limit: float) -> None:
    unread = rejected.loc[(rejected["table"] == table) & (rejected["level"] == "row"), "reason"]
    reasons = {str(why): int(n) for why, n in unread.value_counts().items()}
    for why, n in tally.total(table, "quarantined").items():
        reasons[why] = reasons.get(why, 0) + n
    check_share(table, counted_towards_share(reasons), len(frame) + len(unread), limit)


def _nothing_left(n_events: int, tally: Tally) -> str:
    lost = tally.total("interactions", "quarantined")
    why = f", the most for: {max(lost, key=lambda reason: lost[reason])}" if lost else ""
    return f"At least one event of a known item must be left. Got {n_events} events and kept none{why}."


def _shown(frame: pd.DataFrame) -> pd.DataFrame:
    """Without the columns that are ours."""
    return frame.drop(columns=[name for name in HIDDEN if name in frame])


def _recoded(tables: Tables, kept: Mapping[str, pd.DataFrame]) -> Any:
    """The oracle in the row order of the rows kept."""
    rows = {name: kept[name].index.to_numpy(np.int64) for name in ("users", "items")}
    whole = len(rows["users"]) == len(tables.users) and len(rows["items"]) == len(tables.items)
    if (whole and STREAM not in tables.users) or not isinstance(tables.oracle, RowOracle):
        return tables.oracle
    return tables.oracle.recode(rows["users"], rows["items"])


def _counts(
    taken: pd.DataFrame,
    frames: Mapping[str, pd.DataFrame],
    cleaned: Tables,
    n_added: int,
    tally: Tally,
    rejected: pd.DataFrame,
) -> Mapping[str, Mapping[str, int]]:
    """The counts of `Quarantine`."""
    counts = {}
    unread = rejected.loc[rejected["level"] == "row", "table"]
    for name in NAMES:
        level = taken.loc[taken["table"] == name, "level"]
        count = {
            "in": len(frames[name]) + int((unread == name).sum()),
            "added": n_added if name == "users" else 0,
            "kept": len(getattr(cleaned, name)),
            "quarantined": int((level == "row").sum()),
            "merged": sum(tally.total(name, "merged").values()),
            "cells": int((level == "cell").sum()),
        }
        assert count["in"] + count["added"] == count["kept"] + count["quarantined"] + count["merged"], count
        counts[name] = count
    return counts
