"""Prepared tables on disk: Parquet files, the events a file a month, and a report with checksums.

    users.parquet  items.parquet  interactions/part-YYYY-MM[-bucket].parquet  quarantine/  oracle/
    report.json

Older folders, which have all events in `interactions.parquet`, are read too.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dataset.canonical import Tables
from dataset.contracts import LISTS, TIME_DTYPE
from dataset.dataset import Oracle
from dataset.errors import ArtefactError
from dataset.persistence import load

REPORT: Final = "report.json"
ORACLE: Final = "oracle"
PARTS: Final = "interactions"
EVENT_COLUMNS: Final = {
    "user": "str", "item": "str", "kind": "str", "value": "float64", "quantity": "float64",
    "timestamp": TIME_DTYPE,
}  # fmt: skip


@dataclass(frozen=True)
class StoredTables:
    """The tables of a folder, read when they are asked for; the events part by part.

    Parameters
    ----------
    folder : Path
        Verified by `open_tables`.
    stated : sequence of str
        Attribute columns of the events.
    """

    folder: Path
    stated: Sequence[str]

    @property
    def users(self) -> pd.DataFrame:
        """As in `Tables`."""
        return _read_frame(self.folder / "users.parquet")

    @property
    def items(self) -> pd.DataFrame:
        """As in `Tables`."""
        return _read_frame(self.folder / "items.parquet")

    @property
    def oracle(self) -> Oracle | None:
        """The true choice model, where there is one."""
        folder = self.folder / ORACLE
        oracle: Oracle | None = load(folder) if folder.is_dir() else None
        return oracle

    @property
    def paths(self) -> list[Path]:
        """The files of the events, oldest month first."""
        whole = self.folder / f"{PARTS}.parquet"
        return [whole] if whole.is_file() else sorted((self.folder / PARTS).glob("*.parquet"))

    def parts(self) -> Iterator[pd.DataFrame]:
        """The events in frames like `Tables.interactions`, a row group or a small file at a time."""
        for path in self.paths:
            yield from _frames(path)

    def whole(self) -> Tables:
        """All at once."""
        none = pd.DataFrame({name: pd.Series([], dtype=dtype) for name, dtype in EVENT_COLUMNS.items()})
        none = none.assign(**{name: pd.Series([], dtype="str") for name in self.stated})
        parts = list(self.parts())
        return Tables(
            users=self.users,
            items=self.items,
            interactions=pd.concat(parts, ignore_index=True) if parts else none,
            stated=tuple(self.stated),
            oracle=self.oracle,
        )


def open_tables(folder: Path) -> StoredTables:
    """The tables of a folder, verified by checksum.

    Raises
    ------
    ArtefactError
        If a file is missing, or is not the one that was written.
    """
    report = read_report(folder)
    stored = report.get("files")
    found = checksums(folder)
    if not isinstance(stored, dict) or stored != found:
        stored = stored if isinstance(stored, dict) else {}
        wrong = sorted(name for name in {*stored, *found} if stored.get(name) != found.get(name))
        raise ArtefactError(
            f"{folder} must hold the tables as they were written. Differing: {', '.join(wrong) or REPORT}. "
            "Prepare the data again."
        )
    return StoredTables(folder, tuple(report["stated"]))


def read_tables(folder: Path) -> Tables:
    """All tables of a folder, verified by checksum.

    Raises
    ------
    ArtefactError
        If a file is missing, or is not the one that was written.
    """
    return open_tables(folder).whole()


def read_report(folder: Path) -> Mapping[str, Any]:
    """Counts of rows in, added, kept, quarantined and merged, reasons, and checksums.

    Raises
    ------
    ArtefactError
        If there is none: the tables were never written to the end.
    """
    try:
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtefactError(
            f"{folder} must hold complete tables with {REPORT}. Got: {error}. Prepare the data again."
        ) from error
    if not isinstance(report, dict) or "stated" not in report:
        raise ArtefactError(f"{folder / REPORT} must be a report of prepared tables. Got something else.")
    return report


def arrow_table(frame: pd.DataFrame) -> pa.Table:
    """A canonical table for Parquet; lists of words as such, an empty list is not a missing one."""
    lists = pa.list_(pa.string())
    arrays = {
        str(name): pa.array(cells.tolist(), lists) if name in LISTS else pa.array(cells, from_pandas=True)
        for name, cells in frame.items()
    }
    return pa.table(arrays)


def frame_of(table: pa.Table) -> pd.DataFrame:
    """The canonical table that `arrow_table` was given."""
    lists = [name for name in table.column_names if name in LISTS]
    frame: pd.DataFrame = table.drop_columns(lists).to_pandas()
    for name in lists:
        frame[name] = pd.Series(_lists(table.column(name)), index=frame.index, dtype=object)
    return frame.reindex(columns=table.column_names)


def _lists(column: pa.ChunkedArray) -> list[list[str] | None]:
    """Lists of words as Python has them; a word is one string however often it comes.

    On labels the same few hundred words come again and again: a string for each would be most of the memory
    of a catalogue.
    """
    known: dict[str | None, str | None] = {}
    cells: list[list[str] | None] = []
    for chunk in column.chunks:
        coded = chunk.values.dictionary_encode()
        distinct = [known.setdefault(word, word) for word in coded.dictionary.to_pylist()]
        words = np.array([*distinct, None], dtype=object)
        flat = words[coded.indices.fill_null(len(distinct)).to_numpy()].tolist()
        cells += [flat[first:last] for first, last in pairwise(chunk.offsets.to_pylist())]
        for row in np.flatnonzero(chunk.is_null()).tolist():
            cells[len(cells) - len(chunk) + row] = None
    return cells


def checksums(folder: Path) -> dict[str, str]:
    """sha256 of every table and of the oracle's files, by path within the folder."""
    paths = [*folder.glob("*.parquet"), *(folder / PARTS).glob("*"), *(folder / "quarantine").glob("*")]
    paths += (folder / ORACLE).rglob("*")
    return {path.relative_to(folder).as_posix(): _sha256(path) for path in sorted(paths) if path.is_file()}


def _read_frame(path: Path) -> pd.DataFrame:
    try:
        return frame_of(pq.read_table(path))
    except (pa.ArrowInvalid, OSError) as error:
        raise ArtefactError(f"{path} must be a Parquet file. Reading it failed: {error}.") from error


def _frames(path: Path) -> Iterator[pd.DataFrame]:
    """The rows of a file, a row group at a time, so that a large one is never in memory whole."""
    try:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=_BATCH_ROWS):
                yield frame_of(pa.Table.from_batches([batch]))
    except (pa.ArrowInvalid, OSError) as error:
        raise ArtefactError(f"{path} must be a Parquet file. Reading it failed: {error}.") from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


_BATCH_ROWS: Final = 500_000
