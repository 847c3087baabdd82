"""One column of a customer's file to one canonical column, and which of its cells could not be read."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd

from dataset.errors import DataContractError
from dataset.ingredients import normalise

Cells: TypeAlias = "pd.Series[Any]"
Read: TypeAlias = tuple[Cells, "pd.Series[bool]"]

_TRUE: Final = ("true", "t", "yes", "y", "1", "1.0")
_FALSE: Final = ("false", "f", "no", "n", "0", "0.0")
_HAS_ZONE: Final = r"\d:\d{2}.*(?:Z|z|[+-]\d{2}(?::?\d{2})?)$"


def labels(cells: Cells) -> Read:
    """Text as it stands; blank is missing."""
    return cells.mask(cells == ""), _none(cells)


def numbers(cells: Cells) -> Read:
    """Numbers as float64; what is none becomes NaN."""
    values = pd.to_numeric(cells.mask(cells == "") if _is_text(cells) else cells, errors="coerce")
    return values.astype(np.float64), values.isna() & _filled(cells)


def flags(cells: Cells) -> Read:
    """Yes or no; blank is yes, and what cannot be read is no: better a product too few than one sold out."""
    if pd.api.types.is_bool_dtype(cells):
        return cells.astype("boolean").fillna(True).astype(bool), _none(cells)
    words = cells.astype("str").str.strip().str.lower()
    filled = _filled(cells)
    yes = words.isin(_TRUE) | ~filled
    return yes.astype(bool), filled & ~words.isin((*_TRUE, *_FALSE))


def words(cells: Cells, separator: str | None) -> Read:
    """Lists of words in small letters, in their order."""
    lists = [
        [word for word in (str(part).strip().lower() for part in _split(cell, separator or ",")) if word]
        for cell in cells
    ]
    return pd.Series(lists, index=cells.index, dtype=object), _none(cells)


def ingredient_names(cells: Cells, separator: str | None) -> Read:
    """Normalised INCI names, from labels or from lists."""
    lists = [
        normalise(cell) if isinstance(cell, str) and separator is None
        else normalise(", ".join(map(str, _split(cell, separator or ","))))
        for cell in cells
    ]  # fmt: skip
    return pd.Series(lists, index=cells.index, dtype=object), _none(cells)


def kinds(cells: Cells, names: Mapping[str, str]) -> Read:
    """Kinds of events; those without a translation stay, for the contract to judge."""
    return cells.replace(dict(names)) if names else cells, _none(cells)


def moments(cells: Cells, time_format: str, timezone: str | None, where: str) -> Read:
    """Times as datetime64[us, UTC], finer parts cut off; NaT where blank or unreadable.

    A local time that occurs twice, when clocks go back, is taken as the later one; one that never
    occurs is moved to when clocks had gone forward.

    Raises
    ------
    DataContractError
        If a time carries no zone and none is configured.
    """
    filled = _filled(cells)
    if time_format in ("unix_s", "unix_ms"):
        unit = 1_000_000 if time_format == "unix_s" else 1_000
        microseconds = (pd.to_numeric(cells.where(filled), errors="coerce") * unit).round()
        within = microseconds.where(microseconds.abs() < 1e17)  # beyond, pandas raises
        times = pd.to_datetime(within, unit="us", utc=True)
    elif isinstance(cells.dtype, pd.DatetimeTZDtype):
        times = cells.dt.tz_convert("UTC")
    elif pd.api.types.is_datetime64_dtype(cells):
        times = _localised(cells, cells, timezone, where)
    else:
        times = _parsed(cells.astype("str"), filled, time_format, timezone, where)
    times = times.dt.as_unit("us")
    return times, times.isna() & filled


def _parsed(
    texts: Cells, filled: "pd.Series[bool]", time_format: str, timezone: str | None, where: str
) -> Cells:
    zoned = texts.str.contains(_HAS_ZONE, regex=True) if time_format == "ISO8601" else "%z" in time_format
    zoned = filled & zoned
    parse: Callable[..., Cells] = pd.to_datetime
    times = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us, UTC]")
    if zoned.any():
        found = parse(texts[zoned], format=time_format, utc=True, errors="coerce")
        times[zoned] = found.dt.as_unit("us")
    local = filled & ~zoned
    if local.any():
        found = parse(texts[local], format=time_format, errors="coerce")
        times[local] = _localised(found, texts[local], timezone, where).dt.as_unit("us")
    return times


def _localised(times: Cells, texts: Cells, timezone: str | None, where: str) -> Cells:
    given = times.notna()
    if timezone is None and given.any():
        raise DataContractError(
            f"Times in {where} must carry a zone. Got {texts[given].iloc[0]}: set `timezone` in the mapping."
        )
    standard = np.zeros(len(times), bool)
    local = times.dt.tz_localize(timezone or "UTC", ambiguous=standard, nonexistent="shift_forward")
    return local.dt.tz_convert("UTC")


def _split(cell: object, separator: str) -> list[object]:
    if isinstance(cell, list):
        return cell
    return list(cell.split(separator)) if isinstance(cell, str) else []


def _is_text(cells: Cells) -> bool:
    return pd.api.types.is_string_dtype(cells) or pd.api.types.is_object_dtype(cells)


def _filled(cells: Cells) -> "pd.Series[bool]":
    return (cells.notna() & (cells != "")).astype(bool) if _is_text(cells) else cells.notna()


def _none(cells: Cells) -> "pd.Series[bool]":
    return pd.Series(False, index=cells.index, dtype=bool)
