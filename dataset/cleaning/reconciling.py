"""Several rows that tell of one user or product, brought to one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from dataset.cleaning.step import LEFT, STREAM, Applied
from dataset.contracts import LISTS

POLICIES: Final = ("last", "first")
KEYS: Final = {"users": "user", "items": "item"}


@dataclass(frozen=True, kw_only=True)
class Reconciled:
    """One row an id.

    Parameters
    ----------
    applied : Applied
        The rows kept and those merged into them.
    conflicts : mapping of str to int
        Number of ids of which several rows say different things, by column.
    """

    applied: Applied
    conflicts: Mapping[str, int]


def reconciled(table: str, frame: pd.DataFrame, policy: str = "last") -> Reconciled:
    """One row of each id, cell by cell from the last or first row that says something.

    The rows are taken in the order of their streams, within a stream in the order of the frame. This is
    the one place of cleaning where the order of rows means something.

    Parameters
    ----------
    table : str
        users or items.
    frame : DataFrame
        With distinct labels; the column `_stream` is optional. An empty list is a missing cell, and so is
        an `in_stock` of missing value; where no row tells, the product is in stock.
    policy : str
        "last" or "first".
    """
    key = KEYS[table]
    if STREAM in frame:
        frame = frame.sort_values(STREAM, kind="stable")
    several = frame[key].duplicated(keep=False)
    if not several.any():
        return Reconciled(applied=Applied(frame=_flagged(frame)), conflicts={})
    rows = frame[several]
    stands = ~rows[key].duplicated(keep="last" if policy == "last" else "first")
    said = rows.drop(columns=[name for name in (STREAM, LEFT) if name in rows]).copy()
    for name in LISTS:
        if name in said:
            said[name] = said[name].where(said[name].str.len() > 0, None)
    groups = said.groupby(key, sort=False)
    cells = groups.last() if policy == "last" else groups.first()
    kept = rows[stands]
    filled = cells.reindex(kept[key]).set_axis(kept.index)
    mended = kept.assign(**{str(name): _typed(filled[name], kept[name]) for name in filled})
    whole = pd.concat([frame[~several], mended]).reindex(frame.index[(~several) | _stands(frame, stands)])
    why = pd.Series(f"an id repeats, the {policy} row wins", index=rows.index[~stands], dtype="str")
    return Reconciled(
        applied=Applied(frame=_flagged(whole), merged=why), conflicts=_conflicts(said, groups, key)
    )


def _stands(frame: pd.DataFrame, stands: "pd.Series[bool]") -> "pd.Series[bool]":
    """Which rows of the frame are the row that stands for several."""
    return pd.Series(frame.index.isin(stands.index[stands]), index=frame.index)


def _typed(cells: "pd.Series[Any]", like: "pd.Series[Any]") -> "pd.Series[Any]":
    """In the type of the column, lists empty where nothing was said."""
    if like.name in LISTS:
        return cells.map(lambda cell: cell if isinstance(cell, list) else []).astype(object)
    return cells.astype(like.dtype)


def _flagged(frame: pd.DataFrame) -> pd.DataFrame:
    if "in_stock" not in frame or frame["in_stock"].dtype == np.bool_:
        return frame
    return frame.assign(in_stock=frame["in_stock"].fillna(True).astype(bool))


def _conflicts(said: pd.DataFrame, groups: Any, key: str) -> dict[str, int]:
    """Ids with more than one value said, by column; columns without a conflict are left out."""
    found = {}
    for name in said.columns.drop(key):
        cells = said[name]
        if name in LISTS:
            cells = cells.map(lambda cell: "\x1f".join(cell) if isinstance(cell, list) else None)
        n = int((cells.groupby(said[key]).nunique() > 1).sum())
        if n:
            found[str(name)] = n
    return found
