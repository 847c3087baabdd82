"""The item that a user has already bought which a listed one is most like."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

from dataset.interactions import KINDS
from dataset.ragged import Ragged, offsets_of
from dataset.snapshot import Histories
from dataset.vectors import Vectors

BOUGHT: Final = ("purchase", "rating")
"""Kinds of events after which a user has an item, where the data lets anything be bought again."""


@dataclass(frozen=True)
class Had:
    """What each query's user has bought; of one who has bought nothing, what they have looked at.

    Parameters
    ----------
    items : Ragged
        A row a query, ascending, distinct.
    kind : int8 array of shape (len(items.values),)
        Of the newest event that counts, a position in `KINDS`.
    """

    items: Ragged
    kind: npt.NDArray[np.int8]

    @classmethod
    def of(cls, history: Histories, bought: tuple[str, ...], n_items: int) -> "Had":
        """From the events of a block, of which those of the kinds `bought` count first."""
        query = history.query
        counts = np.isin(history.kind, [KINDS.index(kind) for kind in bought])
        counts |= (np.bincount(query[counts], minlength=len(history)) == 0)[query]
        at = np.flatnonzero(counts)[::-1]  # newest first, whose first occurrence counts
        pairs, first = np.unique(query[at].astype(np.int64) * n_items + history.item[at], return_index=True)
        offsets = offsets_of(np.bincount(pairs // n_items, minlength=len(history)))
        return cls(Ragged(offsets, (pairs % n_items).astype(np.int32)), history.kind[at[first]])


@dataclass(frozen=True)
class Nearness:
    """Embeddings side by side, each scaled to length 1, so that one product gives the mean of the cosines.

    Parameters
    ----------
    names : tuple of str
    placed : bool array of shape (n_items, len(names))
        Whether each embedding places each item.
    matrix : float32 array of shape (n_items, sum of dimensions)
        Zeros where it does not.
    offsets : int64 array of shape (len(names) + 1,)
        Columns of each embedding.
    """

    names: tuple[str, ...]
    placed: npt.NDArray[np.bool_]
    matrix: npt.NDArray[np.float32]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def of(cls, vectors: Mapping[str, Vectors], n_items: int) -> "Nearness":
        """The embeddings of a snapshot."""
        offsets = offsets_of(np.array([one.dimensions for one in vectors.values()], np.int64))
        matrix = np.zeros((n_items, int(offsets[-1])), np.float32)
        placed = np.zeros((n_items, len(vectors)), bool)
        for at, one in enumerate(vectors.values()):
            lengths = np.linalg.norm(one.matrix.astype(np.float64), axis=1)
            known = lengths > 0
            unit = (one.matrix[known] / lengths[known, None]).astype(np.float32)
            matrix[one.item[known], offsets[at] : offsets[at + 1]] = unit
            placed[one.item[known], at] = True
        return cls(tuple(vectors), placed, matrix, offsets)

    def nearest(
        self, had: Ragged, row: npt.NDArray[np.int32], item: npt.NDArray[np.int32]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """What is most like each listed item among the items that its user had.

        Parameters
        ----------
        had : Ragged
            A row a query.
        row : int32 array of shape (n,)
            Query of each listed item, ascending.
        item : int32 array of shape (n,)

        Returns
        -------
        at : int64 array of shape (n,)
            Position in `had.values`, the lowest of several alike; -1 where the user had nothing that an
            embedding places, or none places the listed item.
        similarity : float32 array of shape (n,)
            Mean over the embeddings of the cosine, which counts 0 where an embedding does not place both.
        cosines : float32 array of shape (n, len(names))
            Of each embedding; NaN where it does not place both.
        """
        at = np.full(len(item), -1, np.int64)
        cosines = np.full((len(item), len(self.names)), np.nan, np.float32)
        similarity = np.full(len(item), np.nan, np.float32)
        if self.names and len(had.values):
            _nearest(had.offsets, had.values, row, item, self.placed, self.matrix, self.offsets, at, cosines)
            found = at >= 0
            total = np.where(np.isnan(cosines[found]), np.float32(0), cosines[found]).sum(axis=1)
            similarity[found] = total / np.float32(len(self.names))
        return at, similarity, cosines


# Sums may be taken in another order, which is what lets the loop over dimensions use vector instructions.
@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def _nearest(  # type: ignore[no-untyped-def]
    had_offsets, had_item, row, item, placed, matrix, offsets, out, cosines
):
    """Fill `out` of shape (n,) and `cosines` of shape (n, e)."""
    n_embeddings = placed.shape[1]
    for at in range(len(row)):
        own = matrix[item[at]]
        if not placed[item[at]].any():
            continue
        best = np.float32(-np.inf)
        for place in range(had_offsets[row[at]], had_offsets[row[at] + 1]):
            if not placed[had_item[place]].any():
                continue
            other = matrix[had_item[place]]
            dot = np.float32(0)
            for k in range(len(own)):
                dot += own[k] * other[k]
            if dot > best:
                best, out[at] = dot, place
        if out[at] < 0:
            continue
        near = had_item[out[at]]
        for embedding in range(n_embeddings):
            if placed[item[at], embedding] and placed[near, embedding]:
                dot = np.float32(0)
                for k in range(offsets[embedding], offsets[embedding + 1]):
                    dot += matrix[item[at], k] * matrix[near, k]
                cosines[at, embedding] = dot
