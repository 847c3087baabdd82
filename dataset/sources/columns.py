"""One column of a customer's file to one canonical column, and which of its cells could not be read."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd

from dataset.errors import DataContractError
from dataset.ingredients import normalise
from dataset.sources.number_texts import amounts
from dataset.sources.size_texts import sizes

Cells: TypeAlias = "pd.Series[Any]"
Mask: TypeAlias = "pd.Series[bool]"

_TRUE: Final = ("true", "t", "yes", "y", "1", "1.0")
_FALSE: Final = ("false", "f", "no", "n", "0", "0.0")
_HAS_ZONE: Final = r"\d:\d{2}.*(?:Z|z|[+-]\d{2}(?::?\d{2})?)$"
_ZONES_KNOW: Final = (pd.Timestamp("1700-01-01"), pd.Timestamp("9000-01-01"))
_UNIX: Final[Mapping[str, int]] = {"unix_s": 1_000_000, "unix_ms": 1_000}
_NUMBER: Final = r"^\s*-?[0-9]+(?:\.[0-9]*)?\s*$"


@dataclass(frozen=True)
class Read:
    """A column as it was read.

    Parameters
    ----------
    cells : Series
        In the type of its role.
    unread : mapping of str to Series of bool
        Cells that could not be read, by what they are not: "is not a number".
    converted : mapping of str to int
        Cells that were repaired, by how.
    """

    cells: Cells
    unread: Mapping[str, Mask] = field(default_factory=dict)
    converted: Mapping[str, int] = field(default_factory=dict)


def labels(cells: Cells) -> Read:
    """Text as it stands; blank is missing."""
    texts = cells if _is_text(cells) else cells.astype("str")
    return Read(texts.mask(texts == ""))


def numbers(cells: Cells, decimal: str | None = None) -> Read:
    """Numbers as float64, currency and thousands taken off; what is none, or ambiguous, becomes NaN."""
    if not _is_text(cells):
        return Read(pd.to_numeric(cells, errors="coerce").astype(np.float64))
    texts = (
        cells.map(lambda cell: "" if cell is None or cell is pd.NaT else str(cell))
        if _is_object(cells)
        else cells
    )
    values, ambiguous, repairs = amounts(texts.astype("str"), decimal)
    unread = values.isna() & _filled(cells)
    found = {"is not a number": unread & ~ambiguous, "is ambiguous, set `decimal`": ambiguous}
    return Read(values, found, repairs)


def sized(cells: Cells) -> tuple[Read, Read]:
    """Sizes of packs as millilitres and as grams, float64."""
    ml, g, repairs = sizes(cells)
    unread = {"is not a size": ml.isna() & g.isna() & _filled(cells)}
    return Read(ml, unread, repairs), Read(g)


def flags(cells: Cells) -> Read:
    """Yes or no; blank is yes, and what cannot be read is no: better a product too few than one sold out."""
    if pd.api.types.is_bool_dtype(cells):
        return Read(cells.astype("boolean").fillna(True).astype(bool))
    filled = _filled(cells)
    words = cells.astype("str").str.strip().str.lower()
    yes = words.isin(_TRUE) | ~filled
    return Read(yes.astype(bool), {"is not a flag": filled & ~words.isin((*_TRUE, *_FALSE))})


def words(cells: Cells, separator: str | None) -> Read:
    """Lists of words in small letters, in their order."""
    lists = [
        [word for word in (str(part).strip().lower() for part in _split(cell, separator or ",")) if word]
        for cell in cells
    ]
    return Read(pd.Series(lists, index=cells.index, dtype=object))


def ingredient_names(cells: Cells, separator: str | None) -> Read:
    """Normalised INCI names, from labels or from lists."""
    lists = [
        normalise(cell) if isinstance(cell, str) and separator is None
        else normalise(", ".join(map(str, _split(cell, separator or ","))))
        for cell in cells
    ]  # fmt: skip
    return Read(pd.Series(lists, index=cells.index, dtype=object))


def kinds(cells: Cells, names: Mapping[str, str]) -> Read:
    """Kinds of events; those without a translation stay, for the contract to judge."""
    if not names:
        return Read(cells)
    translated = cells.map(dict(names))
    return Read(translated.where(translated.notna(), cells).astype("str"))


def moments(cells: Cells, formats: Sequence[str], timezone: str | None, where: str) -> Read:
    """Times as datetime64[us, UTC], finer parts cut off; NaT where blank or unreadable.

    Each cell is read by the first of `formats` that it fits. A local time that occurs twice, when clocks
    go back, is taken as the later one; one that never occurs is moved to when clocks had gone forward.

    Raises
    ------
    DataContractError
        If a time carries no zone and none is configured.
    """
    filled = _filled(cells)
    if isinstance(cells.dtype, pd.DatetimeTZDtype):
        return Read(cells.dt.tz_convert("UTC").dt.as_unit("us"))
    if pd.api.types.is_datetime64_dtype(cells):
        return Read(_localised(cells, cells, timezone, where).dt.as_unit("us"))
    times = pd.Series(pd.NaT, index=cells.index, dtype="datetime64[us, UTC]")
    converted: dict[str, int] = {}
    left = filled
    for name in formats:
        if not left.any():
            break
        found = _read(cells[left], name, timezone, where)
        times[found.index] = found
        if name != formats[0] and len(found):
            converted[f"read as {name}"] = len(found)
        left = left & times.isna()
    return Read(times, {"is not a moment": left}, converted)


def _read(cells: Cells, time_format: str, timezone: str | None, where: str) -> Cells:
    """The moments of those cells that are of this format."""
    if time_format in _UNIX:
        if _is_text(cells):
            cells = cells[cells.astype("str").str.contains(_NUMBER, regex=True)]
        microseconds = (pd.to_numeric(cells, errors="coerce") * _UNIX[time_format]).round()
        within = microseconds.where(microseconds.abs() < 1e17)  # beyond, pandas raises
        found = pd.to_datetime(within, unit="us", utc=True)
    else:
        found = _parsed(cells.astype("str"), time_format, timezone, where)
    return found.dt.as_unit("us").dropna()


def _parsed(texts: Cells, time_format: str, timezone: str | None, where: str) -> Cells:
    zoned = pd.Series("%z" in time_format, index=texts.index, dtype=bool)
    if time_format == "ISO8601":
        zoned = texts.str.contains(_HAS_ZONE, regex=True).astype(bool)
    parse: Callable[..., Cells] = pd.to_datetime
    times = pd.Series(pd.NaT, index=texts.index, dtype="datetime64[us, UTC]")
    if zoned.any():
        found = parse(texts[zoned], format=time_format, utc=True, errors="coerce")
        times[zoned] = found.dt.as_unit("us")
    if not zoned.all():
        found = parse(texts[~zoned], format=time_format, errors="coerce")
        times[~zoned] = _localised(found, texts[~zoned], timezone, where).dt.as_unit("us")
    return times


def _localised(times: Cells, texts: Cells, timezone: str | None, where: str) -> Cells:
    given = times.notna()
    if timezone is None and given.any():
        raise DataContractError(
            f"Times in {where} must carry a zone. Got {texts[given].iloc[0]}: set `timezone` in the mapping."
        )
    standard = np.zeros(len(times), bool)
    far = given & ~times.between(*_ZONES_KNOW)  # no zone has a rule there, nor does any contract allow it
    local = times.mask(far).dt.tz_localize(timezone or "UTC", ambiguous=standard, nonexistent="shift_forward")
    return local.dt.tz_convert("UTC").where(~far, times.dt.tz_localize("UTC"))


def _split(cell: object, separator: str) -> list[object]:
    if isinstance(cell, list):
        return cell
    return list(cell.split(separator)) if isinstance(cell, str) else []


def _is_text(cells: Cells) -> bool:
    return pd.api.types.is_string_dtype(cells) or _is_object(cells)


def _is_object(cells: Cells) -> bool:
    return pd.api.types.is_object_dtype(cells)


def _filled(cells: Cells) -> Mask:
    return (cells.notna() & (cells != "")).astype(bool) if _is_text(cells) else cells.notna()
