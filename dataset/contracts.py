"""What each canonical table promises, row by row."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import pandera.pandas as pa

from dataset.errors import DataContractError
from dataset.interactions import KINDS

TRANSITIONAL_KINDS: Final = ("return", "cancellation")
"""Kinds of events that a source may give and cleaning settles; no clean table has them."""

LISTS: Final = ("ingredients", "functions", "concerns", "avoids", "regions")
LIMITS: Final = ("min_age", "max_price")
"""Optional columns that must be numbers of at least 0: they say what may not be shown."""

TIME_DTYPE: Final = "datetime64[us, UTC]"
_EARLIEST, _LATEST = pd.Timestamp("1970-01-01", tz="UTC"), pd.Timestamp("2200-01-01", tz="UTC")
_BLANK = "{0} is blank"
_WRONG_QUANTITY: Final = "quantity is negative or infinite"


def violations(
    table: str, frame: pd.DataFrame, stated: Sequence[str] = (), kinds: Sequence[str] = KINDS
) -> pd.DataFrame:
    """Rows of a canonical table, or of a chunk of one, that break its contract.

    Each row is judged by itself, so the verdicts on the chunks are those on the whole.

    Parameters
    ----------
    table : str
        users, items or interactions.
    frame : DataFrame
        The table, its index 0, 1, 2, …. Columns without a canonical name are attributes: numbers must
        not be infinite, anything else may be missing.
    stated : sequence of str
        Attribute columns of `interactions`, which must exist.
    kinds : sequence of str
        Kinds of events that may occur; before cleaning also `TRANSITIONAL_KINDS`, of which the quantity
        may be below 0.

    Returns
    -------
    DataFrame
        `row` (int64, distinct, ascending) and `reason` (str; several joined by "; ").

    Raises
    ------
    DataContractError
        If a column is missing or of another type: then no row can be judged.
    """
    schema = _schema(table, frame, stated, kinds)
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases
    else:
        return pd.DataFrame({"row": np.zeros(0, np.int64), "reason": pd.Series([], dtype="str")})
    _refuse_structure(table, frame, schema, cases)
    reason = cases["check"].where(
        cases["check"] != "not_nullable", cases["column"].astype("str") + " is missing"
    )
    found = pd.DataFrame({"row": cases["index"].astype(np.int64), "reason": reason.astype("str")})
    found = found.drop_duplicates().sort_values(["row", "reason"], ignore_index=True)
    several = found["row"].duplicated(keep=False)
    joined = found[several].groupby("row")["reason"].agg("; ".join).reset_index()
    return pd.concat([found[~several], joined]).sort_values("row", ignore_index=True)


def _refuse_structure(
    table: str, frame: pd.DataFrame, schema: pa.DataFrameSchema, cases: pd.DataFrame
) -> None:
    absent = cases.loc[cases["check"] == "column_in_dataframe", "failure_case"].astype("str").tolist()
    if absent:
        raise DataContractError(
            f"The table {table} must have the columns {', '.join(sorted(absent))}. "
            f"It has {', '.join(map(str, frame.columns))}."
        )
    mistyped = cases.loc[cases["check"].astype("str").str.startswith("dtype("), "column"]
    for name in mistyped.astype("str"):
        expected = schema.columns[name].dtype
        raise DataContractError(
            f"Column {name} of {table} must be of type {expected}. Got {frame[name].dtype} instead."
        )


def _schema(
    table: str, frame: pd.DataFrame, stated: Sequence[str], kinds: Sequence[str]
) -> pa.DataFrameSchema:
    if table == "interactions":
        columns, wide = {**_INTERACTIONS, "kind": _kind(kinds)}, [_RATING, _QUANTITY]
    else:
        columns, wide = {"users": _USERS, "items": {**_ITEMS, "in_stock": _flag(frame)}}[table], []
    declared = [name for name in frame.columns if name not in columns]
    attributes = {str(name): _attribute(str(name), frame[name]) for name in declared}
    promised = {name: _attribute(name, pd.Series([], dtype="str")) for name in stated}
    return pa.DataFrameSchema({**columns, **attributes, **promised}, checks=wide)


def _id(name: str) -> pa.Column:
    filled = pa.Check(lambda ids: ids.str.strip() != "", error=_BLANK.format(name))
    return pa.Column("str", filled)


def _text() -> pa.Column:
    return pa.Column("str", nullable=True)


def _number(name: str, error: str, low: float = -np.inf) -> pa.Column:
    """A finite number of at least `low`, or NaN; pandera's own `ge` lets +inf through."""
    check = pa.Check(lambda values: np.isfinite(values) & (values >= low), error=error)
    return pa.Column("float64", check, nullable=True)


def _kind(kinds: Sequence[str]) -> pa.Column:
    return pa.Column("str", pa.Check(lambda cells: cells.isin(kinds), error="kind is unknown"))


def _flag(items: pd.DataFrame) -> pa.Column:
    """True or false; a stream that does not tell leaves it missing, and reconciling fills it."""
    open_ = "in_stock" in items and str(items["in_stock"].dtype) == "boolean"
    return pa.Column("boolean", nullable=True) if open_ else pa.Column("bool")


def _words(name: str, *, required: bool) -> pa.Column:
    check = pa.Check(lambda cells: cells.map(_is_words), error=f"{name} is not a list of words")
    return pa.Column(object, check, required=required)


def _is_words(cell: Any) -> bool:
    return isinstance(cell, list) and all(isinstance(word, str) and word != "" for word in cell)


def _attribute(name: str, values: "pd.Series[Any]") -> pa.Column:
    if name in LISTS:
        return _words(name, required=False)
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if name in LIMITS:
        check = pa.Check(lambda v: ~np.isinf(v) & ~(v < 0), error=f"{name} is negative or infinite")
        return pa.Column(None if is_number else "float64", check, nullable=True)
    if is_number:
        return pa.Column(None, pa.Check(lambda v: ~np.isinf(v), error=f"{name} is infinite"), nullable=True)
    if pd.api.types.is_bool_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        return pa.Column(None, nullable=True)
    return _text()


_USERS: Final = {"user": _id("user")}
_ITEMS: Final = {
    "item": _id("item"),
    "name": _text(),
    "brand": _text(),
    "category": _text(),
    "price": _number("price", "price is negative or infinite", low=0.0),
    "ingredients": _words("ingredients", required=True),
    "functions": _words("functions", required=True),
    "launched_at": pa.Column(TIME_DTYPE, nullable=True),
}
_INTERACTIONS: Final = {
    "user": _id("user"),
    "item": _id("item"),
    "value": _number("value", "value is infinite"),
    "quantity": _number("quantity", _WRONG_QUANTITY),
    "timestamp": pa.Column(
        TIME_DTYPE,
        pa.Check(
            lambda times: times.between(_EARLIEST, _LATEST, inclusive="left"),
            error="timestamp is before 1970 or after 2199",
        ),
    ),
}
_RATING: Final = pa.Check(
    lambda events: (events["kind"] != "rating") | events["value"].between(1.0, 5.0),
    error="a rating is not within 1 and 5",
)
_QUANTITY: Final = pa.Check(
    lambda events: ~(events["quantity"] < 0) | events["kind"].isin(TRANSITIONAL_KINDS), error=_WRONG_QUANTITY
)
