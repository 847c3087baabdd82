"""Products as weighted words: label position, repeated words, levels of a category path, rarity."""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from dataset.ragged import Categorical, Ragged, TokenLists, offsets_of

SEPARATOR: Final = " > "
"""Between the levels of a category path."""
_ROWS_A_BLOCK: Final = 65_536  # products weighted together: memory, not results


def path_prefixes(path: str) -> list[str]:
    """Every prefix of a category path, shortest first.

    Examples
    --------
    >>> path_prefixes("Skincare > Masks")
    ['Skincare', 'Skincare > Masks']
    """
    parts = path.split(SEPARATOR)
    return [SEPARATOR.join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def category_levels(category: Categorical) -> Ragged:
    """Every prefix of each item's category path, as words; none where there is no category."""
    prefixes = TokenLists.of([path_prefixes(name) for name in category.names]).lists
    placed = category.codes >= 0
    lists = prefixes.take(category.codes[placed])
    lengths = np.zeros(len(placed), np.int64)
    lengths[placed] = lists.lengths
    return Ragged(offsets_of(lengths), lists.values)


def single_words(codes: npt.NDArray[np.int32]) -> Ragged:
    """One word an item, none where the code is -1."""
    given = codes >= 0
    return Ragged(offsets_of(given.astype(np.int64)), codes[given])


def label_weights(lists: Ragged, position_decay: float) -> sp.csr_matrix:
    """Ingredients weighted by their place on the label.

    Labels list ingredients by concentration, which falls roughly as a power of the place.

    Parameters
    ----------
    lists : Ragged
        Words of each product in label order; of a repeated word the first place counts.
    position_decay : float
        Weight of place p (from 1) is p ** -position_decay; 0 ignores the order.

    Returns
    -------
    csr_matrix of float64, shape (len(lists), number of distinct words)
        Columns follow the ascending word codes that occur, so words of other products leave no trace.
    """
    parts = []
    for block in _blocks(lists):
        place = np.arange(len(block.values)) - np.repeat(block.offsets[:-1], block.lengths) + 1
        rows = block.rows.astype(np.int64)
        _, first = np.unique(rows * _span(block) + block.values, return_index=True)
        parts.append((rows[first], block.values[first], place[first] ** -float(position_decay)))
    return _matrix(parts, len(lists))


def repeat_weights(lists: Ragged) -> sp.csr_matrix:
    """Words weighted by how often a product repeats them, sublinearly: 1 + log(count).

    Returns
    -------
    csr_matrix of float64, shape (len(lists), number of distinct words)
        Columns follow the ascending word codes that occur.
    """
    parts = []
    for block in _blocks(lists):
        span = _span(block)
        keys, counts = np.unique(block.rows.astype(np.int64) * span + block.values, return_counts=True)
        parts.append((keys // span, (keys % span).astype(np.int32), 1 + np.log(counts)))
    return _matrix(parts, len(lists))


def by_rarity(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Multiply each column by its inverse document frequency, log((1 + n) / (1 + d)) + 1.

    References
    ----------
    scikit-learn, `TfidfTransformer`, `smooth_idf=True`.
    """
    holders = np.bincount(matrix.indices, minlength=matrix.shape[1])
    idf = np.log((1 + matrix.shape[0]) / (1 + holders)) + 1
    weights = matrix.data * idf[matrix.indices]
    return sp.csr_matrix((weights, matrix.indices, matrix.indptr), shape=matrix.shape)


def unit_length(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """Scale each row to length 1; rows without a word stay empty."""
    n_words = np.diff(matrix.indptr)
    rows = np.repeat(np.arange(len(n_words)), n_words)
    lengths = np.sqrt(np.bincount(rows, weights=matrix.data**2, minlength=len(n_words)))
    return sp.csr_matrix((matrix.data / lengths[rows], matrix.indices, matrix.indptr), shape=matrix.shape)


def _blocks(lists: Ragged) -> Iterator[Ragged]:
    """The lists, at most `_ROWS_A_BLOCK` at a time and at least once."""
    for start in range(0, max(len(lists), 1), _ROWS_A_BLOCK):
        offsets = lists.offsets[start : start + _ROWS_A_BLOCK + 1]
        yield Ragged(offsets - offsets[0], lists.values[int(offsets[0]) : int(offsets[-1])])


def _span(lists: Ragged) -> int:
    return int(lists.values.max()) + 1 if len(lists.values) else 1


def _matrix(
    parts: Sequence[tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.floating]]],
    n_rows: int,
) -> sp.csr_matrix:
    """Entries of each block, its row, word and weight in (row, word) order, over the words that occur."""
    counts = [np.bincount(rows, minlength=min(_ROWS_A_BLOCK, n_rows)) for rows, _, _ in parts]
    words = np.concatenate([words for _, words, _ in parts])
    weights = np.concatenate([weights for _, _, weights in parts])
    occurs = np.bincount(words) > 0
    columns = (np.cumsum(occurs, dtype=np.int32) - np.int32(1))[words]
    starts = offsets_of(np.concatenate(counts)[:n_rows])
    return sp.csr_matrix((weights, columns, starts), shape=(n_rows, int(occurs.sum())))
