"""Numbers as people write them: currency, thousands, decimal commas; what is ambiguous stays unread."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

CURRENCY: Final = "currency stripped"
THOUSANDS: Final = "thousands separators removed"
COMMA: Final = "decimal comma read"
PARENTHESES: Final = "parentheses read as minus"
_PLAIN: Final = r"^\s*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\s*$"
_SIGNS: Final = "$€£¥₹₩₽₺₫₱฿₴₪₦¢元円"
_CODE: Final = (
    r"(?:USD|EUR|GBP|JPY|CNY|RMB|CHF|SEK|NOK|DKK|PLN|CZK|HUF|RON|BGN|INR|KRW|BRL|MXN|CAD|AUD|NZD|SGD|HKD|TWD"
    r"|TRY|RUB|UAH|ZAR|THB|ILS|AED|SAR|IDR|MYR|PHP|VND|Rs\.?|kr\.?|SFr\.?|Fr\.?|TL|Rp\.?|RM|zł|Kč|Ft|лв\.?|руб\.?)"
)
_MONEY: Final = rf"(?:(?:US|CA|AU|NZ|HK|NT|R|A|C|S)?\s*[{_SIGNS}]|(?i:{_CODE}))"
_AMOUNT: Final = re.compile(
    rf"(?P<minus>[-−+]?)\s*(?P<before>{_MONEY})?\s*(?P<inner>[-−+]?)\s*(?P<digits>\d[\d.,'’ ]*|[.,]\d+)"
    rf"(?:,-)?\s*(?P<after>{_MONEY})?"
)
_GROUPED: Final = re.compile(r"\d{1,3}(?:([.,' ])\d{3})(?:\1\d{3})*")
_SPACES: Final = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "’": "'"})


@dataclass(frozen=True)
class Amount:
    """A text read as a number.

    Parameters
    ----------
    value : float
        NaN where it cannot be read.
    repairs : collection of str
        What was done to read it.
    ambiguous : bool
        Whether it is a number of which only the mapping can say how it is meant: "1,234".
    """

    value: float
    repairs: Collection[str] = field(default_factory=tuple)
    ambiguous: bool = False


def amount(text: str, decimal: str | None = None) -> Amount:
    """A text such as "€ 1.234,50", "$1,234.50", "12,5 EUR" or "(3.20)" as a number.

    Two kinds of separators, a repeated one, or groups that are none of three digits say themselves how
    they are meant. One separator before exactly three digits does not: a point is then the decimal
    point, as programs write it, unless `decimal` says otherwise; a comma is ambiguous.

    Parameters
    ----------
    text : str
    decimal : str or None
        "," or "." where the mapping says so; settles only what is ambiguous.
    """
    stripped = text.translate(_SPACES).strip()
    enclosed = len(stripped) > 2 and stripped[0] == "(" and stripped[-1] == ")"
    found = _AMOUNT.fullmatch(stripped[1:-1].strip() if enclosed else stripped)
    if found is None or (found["before"] and found["after"]) or (found["minus"] and found["inner"]):
        return Amount(np.nan)
    repairs = [CURRENCY] if found["before"] or found["after"] else []
    digits, grouped, comma = _digits(found["digits"].strip(), decimal)
    if digits is None:
        return Amount(np.nan, ambiguous=grouped)
    repairs += [THOUSANDS] * grouped + [COMMA] * comma + [PARENTHESES] * enclosed
    minus = enclosed != ((found["minus"] or found["inner"]) in ("-", "−"))
    return Amount(-float(digits) if minus else float(digits), tuple(repairs))


def amounts(cells: "pd.Series[str]", decimal: str | None) -> tuple[Any, Any, Mapping[str, int]]:
    """Cells of text as a float64 Series, a bool one of the ambiguous, and how many were repaired, by how."""
    codes, found = pd.factorize(cells)
    texts = pd.Series(found, dtype="str")
    plain = texts.str.contains(_PLAIN, regex=True).to_numpy(dtype=bool)
    if decimal == ",":
        plain = plain & ~texts.str.contains(".", regex=False).to_numpy(dtype=bool)
    values = np.full(len(texts) + 1, np.nan)  # the last one is that of missing cells, code -1
    ambiguous = np.zeros(len(texts) + 1, bool)
    values[:-1][plain] = pd.to_numeric(texts[plain], errors="coerce").to_numpy(np.float64)
    times = np.bincount(codes[codes >= 0], minlength=len(texts))
    counts: dict[str, int] = {}
    for at in np.flatnonzero(~plain).tolist():
        one = amount(str(texts.iloc[at]), decimal)
        values[at], ambiguous[at] = one.value, one.ambiguous
        for repair in one.repairs:
            counts[repair] = counts.get(repair, 0) + int(times[at])
    return pd.Series(values[codes], index=cells.index), pd.Series(ambiguous[codes], index=cells.index), counts


def _digits(text: str, decimal: str | None) -> tuple[str | None, bool, bool]:
    """Digits as `float` reads them, whether thousands were grouped, whether a comma was the decimal point.

    None where there is no way to read them; then the second says whether there are two.
    """
    kinds = [mark for mark in ".," if mark in text]
    if len(kinds) == 2:
        last = max(kinds, key=text.rindex)
        whole, _, fraction = text.rpartition(last)
        return _joined(whole, fraction, last)
    if not kinds:
        return _joined(text, "", ".")
    mark = kinds[0]
    whole, _, fraction = text.partition(mark)
    if text.count(mark) > 1:
        return _joined(text, "", "." if mark == "," else ",")
    three = len(fraction) == 3 and fraction.isdigit() and whole.isdigit() and 1 <= len(whole) <= 3
    if not three or whole.startswith("0"):
        return _joined(whole, fraction, mark)
    if decimal is None and mark == ",":
        return None, True, False
    if mark == (decimal or "."):
        return _joined(whole, fraction, mark)
    return _joined(text, "", "." if mark == "," else ",")


def _joined(whole: str, fraction: str, mark: str) -> tuple[str | None, bool, bool]:
    grouped = not whole.isdigit() and whole != ""
    if (grouped and not _GROUPED.fullmatch(whole)) or not (fraction.isdigit() or fraction == ""):
        return None, False, False
    plain = re.sub(r"\D", "", whole)
    return f"{plain or 0}.{fraction or 0}", grouped, mark == "," and fraction != ""
