"""Cells as a database driver hands them over: as text where ids are read, exact in JSON, as columns."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import pandas as pd

from dataset.errors import DataContractError


def column_of(name: str, cells: Sequence[Any], *, as_text: bool) -> "pd.Series[Any]":
    """A column of a chunk: text, moments with or without a zone, numbers, or lists.

    Raises
    ------
    DataContractError
        If text was asked for and a cell is a fraction or bytes.
    """
    kinds = set(map(type, cells)) - {type(None)}
    if list in kinds:
        return pd.Series([cell if isinstance(cell, list) else [] for cell in cells], dtype=object)
    if kinds <= {str}:
        return pd.Series(["" if cell is None else cell for cell in cells], dtype="str")
    if not as_text and kinds <= {datetime}:
        zoned = next(cell for cell in cells if cell is not None).tzinfo is not None
        return pd.to_datetime(pd.Series(cells, dtype=object), utc=zoned)
    if not as_text and kinds <= {bool}:
        return pd.Series(cells, dtype="boolean")
    if not as_text and kinds <= {int, float, Decimal}:
        return pd.Series([None if cell is None else float(cell) for cell in cells], dtype="float64")
    return pd.Series([_text(name, cell, exact=as_text) for cell in cells], dtype="str")


def without_calendar(connection: Any, psycopg: Any) -> None:
    """Let a connection of psycopg give an end of Python's calendar for a moment that lies beyond it.

    One "infinity" would otherwise end the reading of a whole table; now the contract refuses its row.
    """
    zoned = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    ends = {"timestamp": (datetime.min, datetime.max), "timestamptz": zoned, "date": (date.min, date.max)}
    for name, (first, last) in ends.items():
        oid = connection.adapters.types[name].oid
        plain = connection.adapters.get_loader(oid, psycopg.pq.Format.TEXT)
        connection.adapters.register_loader(oid, _bounded(plain, first, last, psycopg.DataError))


def _bounded(plain: Any, first: date, last: date, beyond: type[Exception]) -> type:
    """A loader of psycopg that gives the first or last moment where `plain` raises `beyond`."""

    class Bounded:
        format = plain.format

        def __init__(self, oid: int, context: Any = None) -> None:
            self._plain = plain(oid, context)

        def load(self, data: Any) -> Any:
            try:
                return self._plain.load(data)
            except beyond:
                text = bytes(data)
                return first if text.startswith(b"-") or text.endswith(b"BC") else last

    return Bounded


def digest_text(row: Sequence[Any]) -> bytes:
    """A row as bytes, different for different rows: 1, "1" and 1.0 are three."""
    return repr(tuple(row)).encode("utf-8", "surrogatepass")


def to_json(mark: object) -> list[str] | None:
    """A value of a watermark column as JSON holds it exactly.

    Raises
    ------
    DataContractError
        If it is of a type that has no order to rely on.
    """
    if mark is None:
        return None
    for kind, cls in _MARKS.items():
        if type(mark) is cls:
            return [kind, mark.isoformat() if isinstance(mark, date) else str(mark)]
    raise DataContractError(
        f"A watermark must be a moment, a whole number or text. Got {type(mark).__name__}."
    )


def from_json(mark: Sequence[str] | None) -> Any:
    """The value that `to_json` wrote."""
    if mark is None:
        return None
    kind, text = mark
    return _READ[kind](text)


def _text(name: str, cell: Any, *, exact: bool) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, int):
        return str(cell)
    if isinstance(cell, Decimal):
        return f"{cell:f}"
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    if isinstance(cell, float) and not exact:
        return repr(cell)
    if isinstance(cell, float | bytes):
        raise DataContractError(f"Column {name} must be text or whole. Got {type(cell).__name__}.")
    if isinstance(cell, Mapping):
        return json.dumps(cell, ensure_ascii=False, default=str)
    return str(cell)


_MARKS: Final[Mapping[str, type]] = {
    "datetime": datetime, "date": date, "int": int, "decimal": Decimal, "float": float, "str": str
}  # fmt: skip
_READ: Final[Mapping[str, Any]] = {
    "datetime": datetime.fromisoformat, "date": date.fromisoformat, "int": int, "decimal": Decimal,
    "float": float, "str": str,
}  # fmt: skip
