"""Parquet files, batch by batch: ids as text, everything else as it is stored."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dataset.errors import DataContractError, ResourceError
from dataset.reading.file_pieces import check_file, check_unchanged, digest_of, path_of, pieces_of
from dataset.reading.reader import CHUNK_ROWS, Piece

_LAYOUT = "parquet"


@dataclass(frozen=True, kw_only=True)
class ParquetFiles:
    """Files of one shape; each is one piece.

    Parameters
    ----------
    files : sequence of (str, Path)
        Label and place of each, in order.
    columns : sequence of str
        Those to read.
    as_text : collection of str
        Columns whose cells become text, "" where missing; lists stay lists.
    max_gib : float
        Size that one file may have, unpacked.
    chunk_rows : int
        Rows of a chunk at most; changes memory only.
    """

    files: Sequence[tuple[str, Path]]
    columns: Sequence[str]
    as_text: Collection[str]
    max_gib: float = 16.0
    chunk_rows: int = CHUNK_ROWS

    def pieces(self, known: Sequence[Piece] = ()) -> Sequence[Piece]:
        """See `Reader.pieces`: a file that has changed is a new piece."""
        found: list[Piece] = []
        for label, path in self.files:
            check_file(path, self.max_gib)
            found += pieces_of(path, label, known, layout=_LAYOUT, grows=False, max_gib=self.max_gib)
        return found

    def chunks(self, piece: Piece) -> Iterator[pd.DataFrame]:
        """See `Reader.chunks`.

        Raises
        ------
        DataContractError
            If the file is no Parquet, a column is missing, or one of `as_text` holds fractions: an id of
            123.0 is no longer the id that it was.
        """
        path = path_of(piece, self.files)
        wanted = list(dict.fromkeys(self.columns))
        unpacked = 0
        try:
            with pq.ParquetFile(path) as file:
                self._check(path, file)
                empty = [] if file.metadata.num_rows else [pa.RecordBatch.from_pylist([], file.schema_arrow)]
                for batch in chain(empty, file.iter_batches(self.chunk_rows, columns=wanted)):
                    unpacked += batch.nbytes
                    self._check_size(path, unpacked)
                    yield pd.DataFrame({name: self._cells(path, name, batch.column(name)) for name in wanted})
        except (pa.ArrowException, OSError) as error:
            if isinstance(error, ResourceError | DataContractError):
                raise
            reason = " ".join(str(error).split()).rstrip(".")
            raise DataContractError(f"{path} must be Parquet. Reading it failed: {reason}.") from error
        check_unchanged(_hash(path), piece, path)

    def _check(self, path: Path, file: pq.ParquetFile) -> None:
        names = file.schema_arrow.names
        missing = [name for name in self.columns if name not in names]
        if missing:
            raise DataContractError(
                f"{path.name} must have the column{'s' if len(missing) > 1 else ''} "
                f"{', '.join(missing)}. It has {', '.join(names)}."
            )
        groups = file.metadata
        self._check_size(
            path, sum(groups.row_group(at).total_byte_size for at in range(groups.num_row_groups))
        )

    def _check_size(self, path: Path, n_bytes: int) -> None:
        if n_bytes > self.max_gib * 2**30:
            raise ResourceError(
                f"{path} must unpack to at most {self.max_gib} GiB. It holds more: raise max_gib."
            )

    def _cells(self, path: Path, name: str, column: pa.Array) -> "pd.Series[Any]":
        kind = column.type
        if pa.types.is_list(kind) or pa.types.is_large_list(kind):
            return pd.Series([cell or [] for cell in column.to_pylist()], dtype=object)
        if pa.types.is_nested(kind):
            return pd.Series([_json(cell) for cell in column.to_pylist()], dtype="str")
        if name not in self.as_text:
            cells: pd.Series[Any] = column.to_pandas()
            return cells
        if pa.types.is_floating(kind):
            raise DataContractError(f"Column {name} of {path.name} must be text or whole. Got {kind}.")
        texts: pd.Series[Any] = column.cast(pa.string()).to_pandas()
        return texts.fillna("").astype("str")


def _json(cell: object) -> str:
    return "" if cell is None else json.dumps(cell, ensure_ascii=False, default=str)


def _hash(path: Path) -> Any:
    digest = digest_of(_LAYOUT)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest
