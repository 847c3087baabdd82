"""How the events are divided to be settled, and what has become of each part."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from dataset.storage import PARTS
from pipeline.preparation.frames import hashed, read_frame
from pipeline.preparation.staged import StagedPiece
from pipeline.preparation.store import Entry

SMALL_ROWS: Final = 300_000
"""Months of a year, or all of them, are settled together if they have no more events: speed, not results."""
PART_ROWS: Final = 2_000_000
"""Events of a part, about, at most; sets memory."""


@dataclass(frozen=True)
class Part:
    """Some events that are settled together: of a month, of several small ones, or of some users of one.

    Parameters
    ----------
    months : tuple of str
        "2023-04", UTC; ascending.
    bucket, n_buckets : int
        Users whose hash leaves `bucket` when divided by `n_buckets`, which is 1 for several months.
    """

    months: tuple[str, ...]
    bucket: int = 0
    n_buckets: int = 1

    def file(self, month: str) -> str:
        """Name of the published file of one of its months."""
        return f"part-{month}" + (f"-{self.bucket:02d}" if self.n_buckets > 1 else "") + ".parquet"

    def holds(self, users: "pd.Series[str]") -> npt.NDArray[np.bool_]:
        """Whether each user is of this part, if of its months."""
        if self.n_buckets == 1:
            return np.ones(len(users), np.bool_)
        found: npt.NDArray[np.bool_] = hashed(users) % np.uint64(self.n_buckets) == self.bucket
        return found


@dataclass(frozen=True)
class SettledPart:
    """A part of the events as it will be published.

    Parameters
    ----------
    part : Part
    entry : Entry
        `part-….parquet` for each month that has an event left, ordered; `taken.parquet`; `facts.json`;
        `carried-STEP.parquet`.
    """

    part: Part
    entry: Entry

    @cached_property
    def facts(self) -> Mapping[str, Any]:
        """`tally`, `kept` by stream, the steps that `carried`, the `files` of the months."""
        facts: Mapping[str, Any] = json.loads(self.entry.file("facts.json").read_text(encoding="utf-8"))
        return facts

    @property
    def files(self) -> Mapping[str, tuple[Entry, str]]:
        """Where the published files of its months lie, by their place in the folder."""
        return {f"{PARTS}/{name}": (self.entry, name) for name in self.facts["files"]}

    def taken(self) -> pd.DataFrame:
        """What references and steps took out, with the position of the stream."""
        return read_frame(self.entry.file("taken.parquet"))

    def users(self) -> list["pd.Series[str]"]:
        """Distinct users of its rows, by file."""
        paths = [self.entry.file(name) for name in self.facts["files"]]
        columns = [pq.read_table(path, columns=["user"]).column("user").unique() for path in paths]
        return [pd.Series(column.to_pandas(), dtype="str") for column in columns]


def parts_of(pieces: Iterable[StagedPiece]) -> list[Part]:
    """All parts, the newest first; they depend on the events alone, however these came."""
    rows: Counter[str] = Counter()
    for piece in pieces:
        rows.update(piece.months)
    if sum(rows.values()) <= SMALL_ROWS:
        return [Part(tuple(sorted(rows)))] if rows else []
    years: dict[str, list[str]] = {}
    for month in sorted(rows):
        years.setdefault(month[:4], []).append(month)
    return [part for year in sorted(years, reverse=True) for part in _of_year(years[year], rows)]


def _of_year(months: Sequence[str], rows: Mapping[str, int]) -> list[Part]:
    if sum(rows[month] for month in months) <= SMALL_ROWS:
        return [Part(tuple(months))]
    parts = []
    for month in reversed(months):
        n_buckets = 1 << ((rows[month] - 1) // PART_ROWS).bit_length()
        parts += [Part((month,), bucket, n_buckets) for bucket in range(n_buckets)]
    return parts
