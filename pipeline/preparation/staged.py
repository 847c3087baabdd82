"""Pieces of the input as canonical rows on disk: mapped, checked, the events grouped by month."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from dataset.cleaning.quarantine import Tally
from dataset.cleaning.settling import checked
from dataset.cleaning.step import STREAM
from dataset.reading.reader import Piece
from dataset.sources.stream import Mapped, Stream
from dataset.storage import arrow_table
from pipeline.preparation.frames import Growing, hashes, read_frame, row_groups, together
from pipeline.preparation.store import Entry

KEYS: Final = {"users": "user", "items": "item"}
_ROWS: Final = "rows.parquet"
_REJECTS: Final = "rejects.parquet"
_FACTS: Final = "facts.json"
_BUFFER_ROWS: Final = 1_000_000  # events that wait for their month to fill a row group; sets memory


@dataclass(frozen=True)
class StagedPiece:
    """The rows of a piece that keep their contract, and what became of the others.

    Parameters
    ----------
    entry : Entry
        `rows.parquet`, the events in row groups of one month each; `rejects.parquet`; `facts.json`; of
        events also the hashes of the ids of each month.
    stream : int
        Position of its stream.
    """

    entry: Entry
    stream: int

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """`table`, `gives`, `stated`, `joins` of the stream; `rows_in`, `tally`, `unread` rows, `cells`,
        `converted`, by reason; `groups`, months and rows of the row groups; `hashes`, the place of each
        month's in the file of the users or items; `lost` ids."""
        facts: Mapping[str, Any] = json.loads(self.entry.file(_FACTS).read_text(encoding="utf-8"))
        return facts

    @cached_property
    def months(self) -> Mapping[str, int]:
        """Events by month, "2023-04"."""
        months: Counter[str] = Counter()
        for month, rows in self.facts["groups"]:
            months[month] += rows
        return months

    def rows(self) -> pd.DataFrame:
        """All rows, with the position of the stream."""
        return self._frame(_ROWS)

    def events(self, months: Collection[str]) -> Iterator[pd.DataFrame]:
        """The events of some months, with the position of the stream."""
        groups = [at for at, (name, _) in enumerate(self.facts["groups"]) if name in months]
        for frame in row_groups(self.entry.file(_ROWS), groups) if groups else ():
            yield frame.assign(**{STREAM: self.stream})

    def rejects(self) -> pd.DataFrame:
        """What was not kept, with the position of the stream."""
        return self._frame(_REJECTS)

    def _frame(self, name: str) -> pd.DataFrame:
        path = self.entry.file(name)
        frame = read_frame(path) if path.is_file() else pd.DataFrame()  # of a piece without a chunk
        return frame.assign(**{STREAM: self.stream})

    def hashes(self, name: str, months: Sequence[str]) -> list[npt.NDArray[np.uint64]]:
        """Distinct hashes of the users or items of each of the months that the piece has, uint64."""
        at = self.facts["hashes"][name]
        spans = [at[month] for month in months if month in at]
        if not spans:
            return []
        whole = np.load(self.entry.file(f"{name}.npy"), mmap_mode="r")
        return [np.asarray(whole[start:end]) for start, end in spans]


def stage(stream: Stream, piece: Piece, say: Callable[[int], None], folder: Path) -> None:
    """Read a piece, chunk by chunk, and write the files of a `StagedPiece`.

    Parameters
    ----------
    stream : Stream
    piece : Piece
    say : callable
        Told the number of rows read so far.
    folder : Path
    """
    counted = _Counted()
    with Growing(folder / _REJECTS) as rejects, Growing(folder / _ROWS) as rows:
        months = _Months(rows) if stream.table == "interactions" else None
        for chunk in stream.reader.chunks(piece):
            mapped = stream.mapped(chunk)
            settled = checked(stream.table, mapped.frame, stream.stated)
            counted.add(mapped, settled.tally)
            say(counted.rows_in)
            rejects.add(_plain(pd.concat([mapped.rejected, settled.taken], ignore_index=True)))
            if months is not None:
                months.add(settled.frame)
            else:
                rows.add(_plain(settled.frame))
                key = KEYS[stream.table]
                counted.lost += _lost(mapped.frame, settled.frame, key)
        if months is not None:
            months.flush(0)
    facts = {
        **{name: getattr(stream, name) for name in ("table", "joins")},
        **{name: list(getattr(stream, name)) for name in ("gives", "stated")},
        **counted.facts(),
        "groups": months.groups if months else [],
        "hashes": months.save(folder) if months else {},
    }
    (folder / _FACTS).write_text(json.dumps(facts), encoding="utf-8")


@dataclass
class _Counted:
    """Sums over the chunks of a piece."""

    rows_in: int = 0
    unread: Counter[str] = field(default_factory=Counter)
    cells: Counter[str] = field(default_factory=Counter)
    converted: Counter[str] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)
    lost: list[str] = field(default_factory=list)

    def add(self, mapped: Mapped, tally: Tally) -> None:
        whole_rows = mapped.rejected["level"] == "row"
        self.rows_in += len(mapped.frame) + int(whole_rows.sum())
        self.unread.update(mapped.rejected.loc[whole_rows, "reason"])
        self.cells.update(mapped.rejected.loc[~whole_rows, "reason"])
        self.converted.update(mapped.converted)
        self.tally += tally

    def facts(self) -> dict[str, Any]:
        return {
            "rows_in": self.rows_in,
            "unread": dict(sorted(self.unread.items())),
            "cells": dict(sorted(self.cells.items())),
            "converted": dict(sorted(self.converted.items())),
            "tally": self.tally.plain(),
            "lost": sorted(set(self.lost)),
        }


class _Months:
    """Events that wait until there are enough of their month for a row group."""

    def __init__(self, file: Growing) -> None:
        self._file = file
        self._waiting: dict[str, list[pa.Table]] = {}
        self._hashes: dict[str, dict[str, list[npt.NDArray[np.uint64]]]] = {"user": {}, "item": {}}
        self.groups: list[tuple[str, int]] = []

    def add(self, events: pd.DataFrame) -> None:
        """Divide a chunk by month; the fullest months are written when too much waits."""
        table = _plain(events)
        if self._file.n_groups == 0 and not len(events):
            self._file.add(table)  # so that the columns are known even if no row is kept
        months = events["timestamp"].dt.tz_localize(None).to_numpy().astype("datetime64[M]")
        for month in np.unique(months):
            mask = months == month
            mine = table.filter(pa.array(mask))
            self._waiting.setdefault(str(month), []).append(mine)
            for name in ("user", "item"):
                found = self._hashes[name].setdefault(str(month), [])
                found.append(hashes(events.loc[mask, name]))
                if len(found) > 32:
                    found[:] = [together(found)]
        if sum(map(self._rows, self._waiting)) > _BUFFER_ROWS:
            self.flush(_BUFFER_ROWS // 2)

    def flush(self, leave: int) -> None:
        """Write the fullest months until at most `leave` events wait."""
        for month in sorted(self._waiting, key=lambda name: (-self._rows(name), name)):
            if sum(map(self._rows, self._waiting)) <= leave:
                return
            self.groups.append((month, self._rows(month)))
            self._file.add(pa.concat_tables(self._waiting.pop(month)).combine_chunks())

    def save(self, folder: Path) -> dict[str, dict[str, tuple[int, int]]]:
        """Write the hashes; the place of each month's."""
        places: dict[str, dict[str, tuple[int, int]]] = {}
        for name, by_month in self._hashes.items():
            found = {month: together(several) for month, several in by_month.items()}
            ends = np.cumsum([len(hashes) for hashes in found.values()]).tolist()
            starts = [0, *ends[:-1]]
            places[name] = dict(zip(found, zip(starts, ends, strict=True), strict=True)) if found else {}
            np.save(folder / f"{name}.npy", np.concatenate([np.zeros(0, np.uint64), *found.values()]))
        return places

    def _rows(self, month: str) -> int:
        return sum(map(len, self._waiting[month]))


def _plain(frame: pd.DataFrame) -> pa.Table:
    """A chunk for its file, without the columns that are ours."""
    return arrow_table(frame.drop(columns=[name for name in frame.columns if name == STREAM]))


def _lost(before: pd.DataFrame, after: pd.DataFrame, key: str) -> list[str]:
    """Ids of the rows that were taken out."""
    gone = before.index.difference(after.index)
    return [str(name) for name in before.loc[gone, key].dropna()]


def hashes_of(pieces: Sequence[StagedPiece], name: str, months: Sequence[str]) -> npt.NDArray[np.uint64]:
    """Distinct hashes of the users or items of some months over all pieces, ascending."""
    found = [hashes for piece in pieces for hashes in piece.hashes(name, months)]
    return together(found)
