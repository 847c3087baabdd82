"""What sources that are made of other item-to-item sources share: their parts, and products of matrices."""

from collections.abc import Iterable, Mapping
from typing import Final, Protocol

import numpy as np
import scipy.sparse as sp

from dataset.errors import ConfigurationError, ParameterError
from dataset.ranked import Ranked
from dataset.snapshot import Snapshot
from dataset.vectors import Vectors
from retrieval.sparse_rows import SparseRows, largest_of_rows, rows_of_lists

_ENTRIES_A_BLOCK: Final = 2**23  # 64 MB, were every entry given


class ItemToItem(Protocol):
    """A specification of a source whose fitted value is a row of scores for each item."""

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> SparseRows:
        """Learn from the snapshot's history and the embeddings made of it."""
        ...


def check_part(owner: object, name: str, part: object, expected: str = "an item-to-item source") -> None:
    """Raise `ParameterError` unless `part`, of field `name` of `owner`, is a specification of a source.

    That its rows are of items shows only when it is fitted.
    """
    if isinstance(part, type) or not callable(getattr(part, "fit", None)):
        raise ParameterError(type(owner).__name__, name, expected, part)


def embeddings_of(parts: Iterable[object]) -> tuple[str, ...]:
    """Names of all embeddings that the parts read, sorted."""
    wanted: set[str] = set()
    for part in parts:
        names = getattr(part, "vectors", ())
        wanted |= {names} if isinstance(names, str) else set(names)
    return tuple(sorted(wanted))


def fit_part(
    owner: object, name: str, part: ItemToItem, snapshot: Snapshot, vectors: Mapping[str, Vectors]
) -> SparseRows:
    """Fit a part; `ConfigurationError` if what it gives is no item-to-item matrix."""
    fitted: object = part.fit(snapshot, vectors)
    if not isinstance(fitted, SparseRows):
        raise ConfigurationError(
            f"{type(owner).__name__} is made of item-to-item sources, such as Transitions, Ease or "
            f"Attributes. Got {type(part).__name__} as {name!r}."
        )
    return fitted


def largest_of_product(
    left: sp.csr_matrix, right: sp.csr_matrix, k: int, entries: int = _ENTRIES_A_BLOCK
) -> sp.csr_matrix:
    """The k largest positive entries of each row of left @ right without its diagonal, block by block.

    Parameters
    ----------
    left : CSR matrix, float32, of shape (n, m)
    right : CSR matrix, float32, of shape (m, n)
    k : int
    entries : int
        Of a block of rows, at most; memory grows with it.

    Returns
    -------
    CSR matrix, float32, of shape (n, n)
        Ties by ascending column; columns ascending.
    """
    n = left.shape[0]
    step = max(1, entries // max(n, 1))
    parts = [Ranked(np.full((0, min(k, n)), -1, np.int32), np.zeros((0, min(k, n)), np.float32))]
    for start in range(0, n, step):
        block = left[start : start + step] @ right
        row = start + np.repeat(np.arange(block.shape[0]), np.diff(block.indptr))
        block.data[(block.data <= 0) | (block.indices == row)] = -np.inf
        parts.append(largest_of_rows(block, min(k, n)))
    return rows_of_lists(Ranked.concatenate(parts), np.arange(n, dtype=np.int32), n)
