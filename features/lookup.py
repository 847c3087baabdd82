"""From item and user codes to rows of the tables that a snapshot's statistics are kept in."""

from dataclasses import dataclass
from functools import cached_property
from typing import Self, TypeVar

import numpy as np
import numpy.typing as npt

from dataset.persistence import Saved
from dataset.snapshot import Snapshot

Float = TypeVar("Float", bound=np.floating)


@dataclass(frozen=True)
class Lookup(Saved):
    """The codes that a snapshot knows; the row of a code is its position.

    Tables are kept over these rows alone, so that no array tells by its size how many items or users
    are still to come.

    Parameters
    ----------
    codes : int32 array of shape (n,)
        Ascending, distinct.
    """

    codes: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of_items(cls, snapshot: Snapshot) -> Self:
        """The catalogue of a snapshot."""
        return cls(snapshot.known_items)

    @classmethod
    def of_users(cls, snapshot: Snapshot) -> Self:
        """Users that a snapshot has heard of: by an event, or because they are asked for."""
        heard_of = np.zeros(len(snapshot.users), bool)
        heard_of[snapshot.history.user] = heard_of[snapshot.queries.user] = True
        return cls(np.flatnonzero(heard_of).astype(np.int32))

    @cached_property
    def _table(self) -> npt.NDArray[np.int32]:
        """Row of each code up to the greatest, then -1 for all that lie beyond."""
        table = np.full(int(self.codes[-1]) + 2 if len(self.codes) else 1, -1, np.int32)
        table[self.codes] = np.arange(len(self.codes), dtype=np.int32)
        return table

    def rows(self, codes: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        """Row of each code, int32 of the same shape; -1 where it is unknown."""
        return self._table.take(codes, mode="clip")


def gather(table: npt.NDArray[Float], rows: npt.NDArray[np.int32]) -> npt.NDArray[Float]:
    """Rows of a table of floats of shape (n, f), in its type, of shape (len(rows), f); NaN for row -1."""
    if not len(table):
        return np.full((len(rows), table.shape[1]), np.nan, table.dtype)
    out = table.take(rows, axis=0, mode="clip")
    out[rows < 0] = np.nan
    return out


def gather_codes(codes: npt.NDArray[np.int32], rows: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Codes kept by row, int32 of shape (len(rows),); -1 for row -1."""
    if not len(codes):
        return np.full(len(rows), -1, np.int32)
    out: npt.NDArray[np.int32] = codes.take(rows, mode="clip")
    out[rows < 0] = -1
    return out


def code_column(codes: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """Category codes as a float column: NaN where missing."""
    return np.where(codes < 0, np.float32(np.nan), codes.astype(np.float32))


def percentile_within(
    group: npt.NDArray[np.integer], value: npt.NDArray[np.floating]
) -> npt.NDArray[np.float32]:
    """Share of the members of the same group with a lower value, ties counted half.

    Returns
    -------
    float32 array of shape (n,)
        Within (0, 1); .5 for the only member of a group; NaN where the value is NaN.

    Examples
    --------
    >>> percentile_within(np.array([0, 0, 1]), np.array([9., 7., 3.]))
    array([0.75, 0.25, 0.5 ], dtype=float32)
    """
    out = np.full(len(value), np.nan, np.float32)
    valid = np.flatnonzero(~np.isnan(value))
    if not len(valid):
        return out
    order = valid[np.lexsort((value[valid], group[valid]))]
    group, value = group[order], value[order]
    new_group = np.append(True, group[1:] != group[:-1])
    new_run = new_group | np.append(True, value[1:] != value[:-1])
    group_start, run_start = np.flatnonzero(new_group), np.flatnonzero(new_run)
    group_end, run_end = np.append(group_start[1:], len(order)), np.append(run_start[1:], len(order))
    of_group, of_run = np.cumsum(new_group) - 1, np.cumsum(new_run) - 1
    middle = (run_start + run_end)[of_run] / 2 - group_start[of_group]
    out[order] = middle / (group_end - group_start)[of_group]
    return out
