"""A source whose tables come in streams, pieces and chunks, divided at will; small dirty shops for it."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pandas as pd

from dataset.canonical import Tables, no_rejects
from dataset.contracts import TIME_DTYPE
from dataset.reading.reader import Piece
from dataset.sources.stream import Mapped


@dataclass
class DividedStream:
    """Some rows of a table, in pieces; remembers which of them were read."""

    table: str
    name: str
    frame: pd.DataFrame
    pieces_rows: Sequence[int]
    chunk_rows: int
    stated: Sequence[str] = ()
    joins: bool = False
    key: Mapping[str, Any] = field(default_factory=dict)
    read: list[str] = field(default_factory=list)

    @property
    def reader(self) -> "DividedStream":
        return self

    @property
    def gives(self) -> Sequence[str]:
        return tuple(map(str, self.frame.columns))

    def pieces(self, known: Sequence[Piece] = ()) -> Sequence[Piece]:
        """One for each of `pieces_rows`, named by what is in it."""
        ends = [*np.cumsum(self.pieces_rows).tolist(), len(self.frame)]
        spans = zip([0, *ends[:-1]], ends, strict=True)
        return [
            Piece(f"{start}-{end}", self._digest(start, end), {"rows": [start, end]}) for start, end in spans
        ]

    def _digest(self, start: int, end: int) -> str:
        text = self.frame.iloc[start:end].to_json(date_format="iso", date_unit="us")
        return hashlib.sha256(text.encode()).hexdigest()

    def chunks(self, piece: Piece) -> Iterator[pd.DataFrame]:
        self.read.append(f"{self.name} {piece.name}")
        start, end = piece.state["rows"]
        for at in range(start, max(end, start + 1), self.chunk_rows):
            yield self.frame.iloc[at : min(at + self.chunk_rows, end)]

    def mapped(self, chunk: pd.DataFrame) -> Mapped:
        return Mapped(
            frame=chunk.reset_index(drop=True), rejected=no_rejects(), converted={"id: seen": len(chunk)}
        )


@dataclass(frozen=True)
class Divided:
    """A source of such streams."""

    given: Sequence[DividedStream]

    def inputs(self) -> Sequence[Path]:
        return ()

    def streams(self) -> Sequence[DividedStream]:
        return self.given

    def read(self) -> Tables:
        """The whole, with the stream of each row."""
        frames = {
            table: pd.concat(
                [s.frame.assign(_stream=at) for at, s in enumerate(self.given) if s.table == table],
                ignore_index=True,
            )
            for table in ("users", "items", "interactions")
        }
        return Tables(**frames, stated=("skin_type",))


def text(cells: Sequence[Any]) -> "pd.Series[str]":
    return pd.Series(cells, dtype="str")


def events_of(rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    """Rows of (user, item, kind, value, quantity, day, skin type); day 0 is the first of January 2023."""
    user, item, kind, value, quantity, day, skin = zip(*rows, strict=True) if rows else ((),) * 7
    days = pd.to_datetime(pd.Series(day, dtype="int64"), unit="D", origin="2023-01-01", utc=True)
    return pd.DataFrame(
        {
            "user": text(user),
            "item": text(item),
            "kind": text(kind),
            "value": pd.Series(value, dtype="float64"),
            "quantity": pd.Series(quantity, dtype="float64"),
            "timestamp": days.astype(TIME_DTYPE),
            "skin_type": text(skin),
        }
    )


def items_of(rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    """Rows of (item, brand, price)."""
    item, brand, price = zip(*rows, strict=True) if rows else ((),) * 3
    n = len(rows)
    return pd.DataFrame(
        {
            "item": text(item),
            "name": text(item),
            "brand": text(brand),
            "category": text(["skin"] * n),
            "price": pd.Series(price, dtype="float64"),
            "ingredients": pd.Series([["aqua"][: at % 2] for at in range(n)], dtype=object),
            "functions": pd.Series([[] for _ in range(n)], dtype=object),
            "in_stock": pd.Series([True] * n, dtype=bool),
            "launched_at": pd.Series([pd.NaT] * n, dtype=TIME_DTYPE),
        }
    )


def users_of(rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    """Rows of (user, age)."""
    user, age = zip(*rows, strict=True) if rows else ((),) * 2
    return pd.DataFrame({"user": text(user), "age": pd.Series(age, dtype="float64")})


_USERS = st.sampled_from(["a", "b", "00c", "d é"])
_ITEMS = st.sampled_from(["x", "y", "z", "01", " "])
_EVENT = st.tuples(
    _USERS,
    _ITEMS,
    st.sampled_from(["purchase", "purchase", "rating", "view", "return", "cancellation", "theft"]),
    st.sampled_from([1.0, 3.0, 5.0, 7.0, float("nan")]),
    st.sampled_from([1.0, 2.0, 3.0, -1.0, float("nan")]),
    st.integers(0, 120),
    st.sampled_from(["dry", "oily", None]),
)
_ITEM = st.tuples(
    _ITEMS, st.sampled_from(["Lumi", None]), st.sampled_from([1.0, 9.0, float("inf"), float("nan")])
)
_USER = st.tuples(_USERS, st.sampled_from([20.0, 30.0, float("inf"), float("nan")]))


@st.composite
def streams(draw: st.DrawFn, table: str, number: int) -> DividedStream:
    """One stream of a table, divided somehow."""
    row, frame_of = {
        "users": (_USER, users_of),
        "items": (_ITEM, items_of),
        "interactions": (_EVENT, events_of),
    }[table]
    frame = frame_of(draw(st.lists(row, max_size=40 if table == "interactions" else 6)))
    cuts = draw(st.lists(st.integers(0, max(len(frame), 1)), max_size=3))
    rows = np.diff([0, *sorted(min(cut, len(frame)) for cut in cuts)]).tolist()
    stated = ("skin_type",) if table == "interactions" else ()
    return DividedStream(table, f"{table} {number}", frame, rows, draw(st.integers(1, 30)), stated)


@st.composite
def sources(draw: st.DrawFn) -> Divided:
    """One or two streams of each table, in any order."""
    tables = [table for table in ("users", "items", "interactions") for _ in range(draw(st.integers(1, 2)))]
    return Divided([draw(streams(table, at)) for at, table in enumerate(draw(st.permutations(tables)))])
