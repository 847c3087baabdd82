"""The streams of a source, whether it can be read chunk by chunk or only whole."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from dataset.canonical import Source, Tables, no_rejects
from dataset.dataset import Oracle
from dataset.encoding import RowOracle, TablesInParts
from dataset.errors import DataContractError
from dataset.persistence import Saved, load
from dataset.reading.reader import CHUNK_ROWS, Piece, Reader
from dataset.sources.stream import Mapped, Stream
from pipeline.artefacts import sha256
from pipeline.fingerprint import fingerprint
from pipeline.preparation.frames import write_frame
from pipeline.preparation.store import Entry

TABLES = ("users", "items", "interactions")


def inputs_of(source: Source) -> dict[str, str]:
    """sha256 of each file that a source reads."""
    return {str(path): sha256(path) for path in source.inputs()}


def streams_of(source: Any) -> Sequence[Stream]:
    """The source's own streams, or else one a table, of what it reads at once.

    Parameters
    ----------
    source : Source
    """
    if hasattr(source, "streams"):
        own: Sequence[Stream] = source.streams()
        return own
    read = ReadOnce(source)
    digest = fingerprint(source, tuple(inputs_of(source).values()))
    return [WholeTable(table, digest, read) for table in TABLES]


@dataclass(frozen=True)
class ReadOnce:
    """Reads a source when the first of its tables is asked for, but events in parts when these are."""

    source: Source

    @cached_property
    def tables(self) -> Tables | TablesInParts:
        """The tables as they came; their events in parts if the source can make them so."""
        if hasattr(self.source, "in_parts"):
            parted: TablesInParts = self.source.in_parts()
            return parted
        return self.source.read()

    def frames(self, table: str) -> Iterator[pd.DataFrame]:
        """The rows of a table in frames of any length, at least one."""
        tables = self.tables
        if table == "interactions" and not isinstance(tables, Tables):
            yield from tables.parts()
        else:
            yield getattr(tables, table)

    def forget(self) -> None:
        """Give their memory back."""
        vars(self).pop("tables", None)


@dataclass(frozen=True)
class WholeTable:
    """One table of a source that reads everything at once, as a stream of a single piece.

    Parameters
    ----------
    name, digest : str
        The table; what it is made of.
    read : ReadOnce
    """

    name: str
    digest: str
    read: ReadOnce
    key: Mapping[str, Any] = field(default_factory=dict)
    joins: bool = False

    @property
    def table(self) -> str:
        """users, items or interactions."""
        return self.name

    @property
    def reader(self) -> Reader:
        """Itself."""
        return self

    @property
    def gives(self) -> Sequence[str]:
        """Every column."""
        return tuple(map(str, next(self.read.frames(self.name)).columns))

    @property
    def stated(self) -> Sequence[str]:
        """Attribute columns of the events."""
        return tuple(self.read.tables.stated) if self.name == "interactions" else ()

    def pieces(self, known: Sequence[Piece] = ()) -> Sequence[Piece]:
        """The table."""
        return [Piece(self.name, fingerprint(self.digest, self.name))]

    def chunks(self, piece: Piece) -> Iterator[pd.DataFrame]:
        """Its rows, under their numbers; at least one chunk, so that the columns are known."""
        first = 0
        for frame in self.read.frames(self.name):
            numbered = frame.set_axis(pd.RangeIndex(first, first + len(frame)))
            yield from (
                numbered.iloc[at : at + CHUNK_ROWS] for at in range(0, max(len(frame), 1), CHUNK_ROWS)
            )
            first += len(frame)

    def mapped(self, chunk: pd.DataFrame) -> Mapped:
        """The rows as they are; with the first of them, what the source could not read."""
        first = not len(chunk) or chunk.index[0] == 0
        tables = self.read.tables
        rejected = tables.rejected if first and isinstance(tables, Tables) else no_rejects()
        mine = rejected[rejected["table"] == self.name]
        return Mapped(frame=chunk.reset_index(drop=True), rejected=mine.reset_index(drop=True))


def save_oracle(stream: WholeTable, folder: Path) -> None:
    """Write the oracle and the ids of its rows; nothing if there is none that can be saved."""
    tables = stream.read.tables
    if isinstance(tables.oracle, Saved):
        tables.oracle.save(folder / "oracle")
        for table, key in (("users", "user"), ("items", "item")):
            write_frame(getattr(tables, table)[[key]], folder / f"{table}.parquet")


def recoded_oracle(entry: Entry, users: "pd.Series[str]", items: "pd.Series[str]") -> Oracle | None:
    """The oracle in another order of rows; None if there is none.

    Raises
    ------
    DataContractError
        If a user or item is unknown to it.
    """
    if not entry.manifest:
        return None
    oracle: Oracle = load(entry.file("oracle"))
    if not isinstance(oracle, RowOracle):
        return oracle
    rows = []
    for table, key, ids in (("users", "user", users), ("items", "item", items)):
        known = pq.read_table(entry.file(f"{table}.parquet")).column(key).to_pandas()
        place = pd.Series(range(len(known)), index=known)
        place = place[~place.index.duplicated(keep="last")].reindex(ids)
        if place.isna().any():
            raise DataContractError(f"With an oracle every {key} must be in {table}. Got one who is not.")
        rows.append(np.asarray(place, np.int64))
    return oracle.recode(rows[0], rows[1])
