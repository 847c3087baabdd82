"""Events of users and products that nobody knows, or that were quarantined."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from dataset.cleaning.step import Applied
from dataset.sources.stream import LEFT_OUT


@dataclass(frozen=True, kw_only=True)
class References:
    """What the interactions may refer to, once users and items are settled.

    An event of a product or user that is not known, or was quarantined, is quarantined too: without the
    row nobody knows what it contains or avoids. A user who is in no table is kept, and added.

    Parameters
    ----------
    items : Index of str
        Ids kept.
    lost_items, lost_users : Index of str
        Ids of which rows came and none is kept.
    left_out_items, left_out_users : Index of str
        Those of them that the configuration leaves out; that is no sign of bad data.
    """

    items: pd.Index
    lost_items: pd.Index
    lost_users: pd.Index
    left_out_items: pd.Index = field(default_factory=lambda: pd.Index([], dtype="str"))
    left_out_users: pd.Index = field(default_factory=lambda: pd.Index([], dtype="str"))

    @classmethod
    def of(
        cls,
        kept: Mapping[str, "pd.Series[str]"],
        quarantined: Mapping[str, "pd.Series[str]"],
        left_out: Mapping[str, "pd.Series[str]"] | None = None,
    ) -> "References":
        """From the ids of `users` and `items`: those kept, those of rows quarantined (or of all rows that
        came), those that `settling.left_out` gives; any may repeat."""

        def gone(table: str, ids: "pd.Series[str]") -> pd.Index:
            return _index(ids[ids.notna() & ~_among(ids, known[table])])

        known = {table: _index(ids) for table, ids in kept.items()}
        out = {table: gone(table, ids) for table, ids in (left_out or {}).items()}
        none = pd.Index([], dtype="str")
        return cls(
            items=known["items"],
            lost_items=gone("items", quarantined["items"]),
            lost_users=gone("users", quarantined["users"]),
            left_out_items=out.get("items", none),
            left_out_users=out.get("users", none),
        )

    def applied(self, events: pd.DataFrame) -> Applied:
        """The events whose user and product can be relied on."""
        items, users = events["item"], events["user"]
        why = pd.Series(pd.NA, index=events.index, dtype="str")
        why[~_among(items, self.items)] = "unknown item"
        why[_among(users, self.lost_users)] = "the user was quarantined"
        why[_among(users, self.left_out_users)] = f"{LEFT_OUT}the user"
        why[_among(items, self.lost_items)] = "the item was quarantined"
        why[_among(items, self.left_out_items)] = f"{LEFT_OUT}the item"
        lost = why.notna()
        return Applied(frame=events.loc[~lost], removed=why[lost])


def _index(ids: "pd.Series[str]") -> pd.Index:
    """Distinct ids; as objects, whose table of hashes is made once and kept."""
    distinct: pd.Index = pd.Index(ids.unique(), dtype=object)
    return distinct


def _among(ids: "pd.Series[str]", known: pd.Index) -> npt.NDArray[np.bool_]:
    """Whether each id is known; `Series.isin` would go through all that are known at every call."""
    if not len(known):
        return np.zeros(len(ids), np.bool_)
    codes, distinct = pd.factorize(ids)
    found = known.get_indexer(pd.Index(distinct, dtype=object)) >= 0
    return np.append(found, False)[codes]  # -1, missing, is the last
