"""Cells as a database driver hands them over: as text where ids are read, exact in JSON, as columns."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
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
