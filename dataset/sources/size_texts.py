"""Sizes as packs print them, "2 oz / 60 mL" or "3 x 10 ml", as millilitres and as grams."""

import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import pandas as pd

FLUID_OUNCE_ML: Final = 29.5735295625
OUNCE_G: Final = 28.349523125
_TO_ML: Final[Mapping[str, float]] = {"ml": 1.0, "cl": 10.0, "dl": 100.0, "l": 1000.0}
_TO_G: Final[Mapping[str, float]] = {"g": 1.0, "mg": 0.001, "kg": 1000.0, "lb": 16 * OUNCE_G}
_UNITS: Final[Mapping[str, str]] = {
    "fl oz": r"(?:us\s*)?fl(?:uid)?\.?\s*(?:oz|ounces?)\.?|oz\.?\s*fl\.?",
    "oz": r"oz\.?|ounces?",
    "ml": r"ml|mls|millilit(?:er|re)s?|cc",
    "cl": r"cl|centilit(?:er|re)s?",
    "dl": r"dl|decilit(?:er|re)s?",
    "l": r"l|lt|lit(?:er|re)s?",
    "kg": r"kg|kgs|kilograms?|kilos?",
    "mg": r"mg|milligrams?",
    "g": r"g|gr|grs|grams?|grammes?",
    "lb": r"lbs?|pounds?",
}
_UNIT: Final = "|".join(f"(?P<u{at}>{pattern})" for at, pattern in enumerate(_UNITS.values()))
_NUMBER: Final = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:[.,]\d+)?|[.,]\d+"
_TIMES: Final = r"[x×*]"
_AMOUNT: Final = re.compile(
    rf"(?<![\d.,])(?:(?P<n>\d{{1,3}})\s*(?:pcs?\.?\s*)?{_TIMES}\s*)?(?P<number>{_NUMBER})[\s-]*(?:{_UNIT})(?![^\W\d_])"
    rf"(?:\s*{_TIMES}\s*(?P<m>\d{{1,3}})(?!\d|[.,]\d|[\s-]*(?:{'|'.join(_UNITS.values())})(?![^\W\d_])))?"
)
_BY_WEIGHT: Final = re.compile(r"\bnet\s*wt\b|\bwt\b|\bweight\b|\bpoids\b")


@dataclass(frozen=True)
class Size:
    """What a pack holds, of all its pieces; NaN where nothing is said.

    Parameters
    ----------
    ml, g : float
    repairs : collection of str
        "from oz", "of several pieces" and so on.
    """

    ml: float = np.nan
    g: float = np.nan
    repairs: Collection[str] = ()


def size(text: str) -> Size:
    """The size that a text states.

    Alternatives of one amount, as in "2 oz / 60 mL", are not added: the metric one stands. Parts joined by
    "+" are added. Ounces without a word are fluid ones, unless grams or "wt" are said beside them.
    """
    plain = unicodedata.normalize("NFKC", text).casefold()
    ml, g, repairs = np.nan, np.nan, Counter[str]()
    parts = [found for part in plain.split("+") if (found := _part(part)) is not None]
    for part_ml, part_g, part_repairs in parts:
        ml = ml if part_ml is None else np.nansum([ml, part_ml])
        g = g if part_g is None else np.nansum([g, part_g])
        repairs.update(part_repairs)
    if len(parts) > 1:
        repairs["of several pieces"] += 1
    return Size(float(ml), float(g), tuple(repairs))


def sizes(cells: "pd.Series[Any]") -> tuple["pd.Series[Any]", "pd.Series[Any]", Mapping[str, int]]:
    """Millilitres and grams of each cell (float64), and how many were converted, by how."""
    codes, texts = pd.factorize(cells.astype("str").fillna(""))
    read = [_remembered(str(text)) for text in texts]
    counts: Counter[str] = Counter()
    for one, n in zip(read, np.bincount(codes, minlength=len(read)).tolist(), strict=True):
        counts.update(dict.fromkeys(one.repairs, n))
    columns = (np.array([getattr(one, name) for one in read], np.float64) for name in ("ml", "g"))
    ml, g = (pd.Series(values[codes] if len(values) else values, index=cells.index) for values in columns)
    return ml, g, counts


@lru_cache(maxsize=65_536)
def _remembered(text: str) -> Size:
    return size(text)


def _part(text: str) -> tuple[float | None, float | None, list[str]] | None:
    """Millilitres, grams and repairs of one amount and its alternatives; None where there is none."""
    found = [_read(match) for match in _AMOUNT.finditer(text)]
    if not found:
        return None
    pieces = found[0][2]  # "2 x 0.5 oz / 15 mL": each of the two
    first: dict[str, float] = {}
    repairs = ["of several pieces"] if pieces > 1 else []
    for unit, number, own in found:
        first.setdefault(unit, number * (own if own > 1 else pieces))
    ml = next((first[unit] * scale for unit, scale in _TO_ML.items() if unit in first), None)
    g = next((first[unit] * scale for unit, scale in _TO_G.items() if unit in first), None)
    stated = [unit for unit in (*_TO_ML, *_TO_G) if unit in first]
    if stated:
        return ml, g, repairs + [f"from {unit}" for unit in stated if unit not in ("ml", "g")]
    if "fl oz" in first:
        return first["fl oz"] * FLUID_OUNCE_ML, None, [*repairs, "from fl oz"]
    if _BY_WEIGHT.search(text):
        return None, first["oz"] * OUNCE_G, [*repairs, "from oz by weight"]
    return first["oz"] * FLUID_OUNCE_ML, None, [*repairs, "from oz"]


def _read(match: "re.Match[str]") -> tuple[str, float, int]:
    """Unit, number and count of pieces."""
    unit = next(name for at, name in enumerate(_UNITS) if match[f"u{at}"] is not None)
    text = match["number"]
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", text) and not text.startswith("0"):
        number = float(text.replace(",", ""))
    else:
        number = float(text.replace(",", "."))
    return unit, number, int(match["n"] or match["m"] or 1)
