"""Columns that say the same of an item whoever asks: a fitted family that is a table."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.persistence import Saved
from dataset.snapshot import Requests
from features.lookup import Lookup, gather


@dataclass(frozen=True)
class ItemTable(Saved):
    """Columns of each item that a snapshot knows.

    Parameters
    ----------
    items : Lookup
    names : tuple of str
    table : float32 array of shape (len(items), len(names))
    categorical : tuple of str
        Those of `names` that hold category codes.
    """

    items: Lookup
    names: tuple[str, ...]
    table: npt.NDArray[np.float32]
    categorical: tuple[str, ...] = ()

    def transform(self, requests: Requests, candidates: Candidates) -> npt.NDArray[np.float32]:
        """The row of each candidate; NaN for items unknown at the cut-off."""
        return gather(self.table, self.items.rows(candidates.item))
