"""Frames as Parquet files that are equal byte by byte where the rows are."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dataset.storage import arrow_table, frame_of

GROUP_ROWS: Final = 65_536


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write a frame to the disk, and see that it is there."""
    write_table(arrow_table(frame), path)


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table; how it is cut into chunks in memory leaves no trace."""
    pq.write_table(table.combine_chunks(), path, compression="zstd", row_group_size=GROUP_ROWS)
    sync(path)


def read_frame(path: Path) -> pd.DataFrame:
    """What `write_frame` wrote."""
    return frame_of(pq.read_table(path))


def sync(path: Path) -> None:
    """Bring a file to the disk, should the power fail."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


class Growing:
    """A Parquet file that is written frame by frame, each a row group; of equal columns, if any rows.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None
        self.n_groups = 0

    def add(self, table: pa.Table) -> None:
        """Write one row group; nothing where there is no row and the columns are known."""
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema, compression="zstd")
        if len(table):
            self._writer.write_table(table.cast(self._writer.schema), row_group_size=len(table))
            self.n_groups += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()
            if kind is None:
                sync(self._path)


def ordered(frame: pd.DataFrame, first: Sequence[str]) -> pd.DataFrame:
    """The rows by the columns named, then by all others, so that no trace is left of where they came from.

    Parameters
    ----------
    frame : DataFrame
        Of strings, numbers, flags and moments; missing ones come last.
    first : sequence of str
    """
    names = [*first, *sorted(map(str, frame.columns.difference(list(first))))]
    order = np.lexsort([_ranks(frame[name]) for name in reversed(names)])
    return frame.iloc[order].reset_index(drop=True)


def _ranks(column: "pd.Series[Any]") -> npt.NDArray[Any]:
    """Numbers that sort as the cells do; missing ones last."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(np.float64, na_value=np.nan)
    if pd.api.types.is_datetime64_any_dtype(column):
        stamps = column.astype("int64").to_numpy()
        return np.where(column.isna(), np.iinfo(np.int64).max, stamps)
    codes, _ = pd.factorize(column, sort=True)
    return np.where(codes < 0, np.iinfo(np.int64).max, codes)


def hashed(ids: "pd.Series[str]") -> npt.NDArray[np.uint64]:
    """A hash of each id, the same on every machine."""
    if not len(ids):
        return np.zeros(0, np.uint64)
    codes, distinct = pd.factorize(ids)
    found = pd.util.hash_array(np.asarray(distinct, dtype=object), categorize=False)
    return np.asarray(found, np.uint64)[codes]


def hashes(ids: "pd.Series[str]") -> npt.NDArray[np.uint64]:
    """The distinct hashes of ids, ascending."""
    return together([hashed(ids.drop_duplicates())])


def together(hashes: Sequence[npt.NDArray[np.uint64]]) -> npt.NDArray[np.uint64]:
    """The distinct ones of several arrays, ascending; `np.unique` takes ten times as long."""
    both = np.sort(np.concatenate([np.zeros(0, np.uint64), *hashes]))
    first = np.ones(len(both), np.bool_)
    first[1:] = both[1:] != both[:-1]
    return both[first]


def among(hashes: npt.NDArray[np.uint64], known: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Whether each hash is one of those known, which are ascending; `np.isin` would sort them again."""
    if not len(known):
        return np.zeros(len(hashes), np.bool_)
    at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    found: npt.NDArray[np.bool_] = known[at] == hashes
    return found


def row_groups(path: Path, groups: Sequence[int]) -> Iterator[pd.DataFrame]:
    """Some row groups of a file, one after the other."""
    with pq.ParquetFile(path) as file:
        for group in groups:
            yield frame_of(file.read_row_group(group))
