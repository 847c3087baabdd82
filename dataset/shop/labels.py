"""What product labels say: ingredients in order, claims, names, and the items table."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from dataset.interactions import SECONDS_PER_DAY
from dataset.ragged import Ragged, offsets_of
from dataset.shop.catalogue import Catalogue
from dataset.shop.words import (
    ACTIVES,
    AVOIDABLE,
    BASES,
    BRAND_ENDS,
    BRAND_STARTS,
    CATEGORIES,
    CLAIMS,
    COMMON,
    CONCERNS,
    EXTRAS,
    FUNCTIONS,
    INGREDIENTS,
    SKIN_TYPES,
    STYLE_POOL,
    STYLES,
    TRENDS,
)

FEWEST, MOST = 8, 30  # ingredients on a label
_BLOCK: Final = 32_768  # items at a time: only speed and memory
_CODE: Final = {word: code for code, word in enumerate(INGREDIENTS)}
_FUNCTION: Final = {word: code for code, word in enumerate(FUNCTIONS)}


def make_ingredients(catalogue: Catalogue, rng: np.random.Generator) -> Ragged:
    """Ingredient lists in label order, codes into `INGREDIENTS`; 8 to 30 distinct names each.

    A name is on the label with a probability that follows from the category, the concerns treated, the
    style and the fashions; its place follows from its role (water, base, actives, preservatives,
    fragrance, colour) with some noise.
    """
    level = _levels()
    lists = []
    for start in range(0, len(catalogue), _BLOCK):
        chance = _chances(catalogue, slice(start, start + _BLOCK))
        margin = rng.random(chance.shape, dtype=np.float32) - chance
        if start <= catalogue.plain < start + _BLOCK:
            margin[catalogue.plain - start, [_CODE[word] for word in AVOIDABLE]] = np.inf
        row, word = np.nonzero(_within_limits(margin))
        place = level[word] + 0.35 * rng.standard_normal(len(word), dtype=np.float32)
        order = np.lexsort((place, row))
        offsets = offsets_of(np.bincount(row, minlength=len(chance)))
        lists.append(Ragged(offsets, word[order].astype(np.int32)))
    lengths = np.concatenate([part.lengths for part in lists])
    return Ragged(offsets_of(lengths), np.concatenate([part.values for part in lists]))


def _within_limits(margin: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """The entries below 0, filled up or cut to `FEWEST` and `MOST` a row by the smallest margins."""
    chosen = margin < 0
    count = chosen.sum(axis=1)
    odd = np.flatnonzero((count < FEWEST) | (count > MOST))
    order = np.argsort(margin[odd], axis=1, kind="stable")
    wanted = np.arange(margin.shape[1]) < np.clip(count[odd], FEWEST, MOST)[:, None]
    fixed = np.zeros_like(wanted)
    np.put_along_axis(fixed, order, wanted, axis=1)
    chosen[odd] = fixed
    return chosen


def _chances(catalogue: Catalogue, rows: slice) -> npt.NDArray[np.float32]:
    """Probability of each ingredient on each label, float32 of shape (n_rows, n_ingredients)."""
    absent = (1 - _base_chance())[catalogue.category[rows]]
    absent *= (1 - 0.75 * _style_words())[catalogue.style[rows]]
    second = np.append(1 - 0.4 * _style_words(), np.ones((1, len(INGREDIENTS)), np.float32), axis=0)
    absent *= second[catalogue.second_style[rows]]  # -1 is the row of ones
    treats = (catalogue.strength[rows] > 0).astype(np.float32)
    absent *= np.exp(treats @ np.log1p(-0.5 * _active_words()))
    return 1 - absent


def _base_chance() -> npt.NDArray[np.float32]:
    chance = np.full((len(CATEGORIES), len(INGREDIENTS)), 0.0, np.float32)
    background = {word: 0.012 for actives in ACTIVES.values() for word in actives}
    background |= dict.fromkeys(STYLE_POOL, 0.02) | dict.fromkeys(TRENDS, 0.05) | COMMON
    for row, category in enumerate(CATEGORIES):
        for word, share in (background | BASES[category.base]).items():
            chance[row, _CODE[word]] = share
    return chance


def _style_words() -> npt.NDArray[np.float32]:
    """Four words a style; neighbours share two, so that styles are not told apart by one ingredient."""
    words = np.zeros((len(STYLES), len(INGREDIENTS)), np.float32)
    for style in range(len(STYLES)):
        for at in range(2 * style, 2 * style + 4):
            words[style, _CODE[STYLE_POOL[at % len(STYLE_POOL)]]] = 1
    return words


def _active_words() -> npt.NDArray[np.float32]:
    words = np.zeros((len(CONCERNS), len(INGREDIENTS)), np.float32)
    for row, concern in enumerate(CONCERNS):
        words[row, [_CODE[word] for word in ACTIVES[concern]]] = 1
    return words


def _levels() -> npt.NDArray[np.float32]:
    """Where on the label each ingredient stands, from the top; water far above the noise."""
    level = np.full(len(INGREDIENTS), 2.5, np.float32)  # styles and what else there is
    for words, place in (
        ([word for actives in ACTIVES.values() for word in actives], 2.0),
        ([word for base in BASES.values() for word in base], 1.0),
        (COMMON, 4.0),
        (("fragrance", "limonene", "linalool", "citral"), 6.0),
        (("ci 19140", "mica"), 8.0),
        (("water",), -9.0),
    ):
        level[[_CODE[word] for word in words]] = place
    return level


def make_functions(catalogue: Catalogue, rng: np.random.Generator) -> Ragged:
    """What labels claim, codes into `FUNCTIONS`: nearly what is true, with some boasting."""
    concern = np.array([_FUNCTION[word] for word in CONCERNS])
    claim = np.array([_FUNCTION[word] for word in CLAIMS])
    skin = np.array([_FUNCTION[f"best for {kind} skin"] for kind in SKIN_TYPES])
    chance = np.zeros((len(catalogue), len(FUNCTIONS)), np.float32)
    treats = catalogue.strength > 0
    chance[:, concern] = np.where(treats, 0.9, 0.03)
    chance[:, claim] = np.where(treats, 0.45, 0.03)
    chance[:, skin] = np.where(catalogue.made_for[:, None] == np.arange(len(SKIN_TYPES)), 0.75, 0.02)
    chance[:, [_FUNCTION[word] for word in EXTRAS]] = 0.12
    row, word = np.nonzero(rng.random(chance.shape, dtype=np.float32) < chance)
    return Ragged(offsets_of(np.bincount(row, minlength=len(catalogue))), word.astype(np.int32))


def avoidable_bits(ingredients: Ragged) -> npt.NDArray[np.uint64]:
    """Which of `AVOIDABLE` each product contains, a bit each, uint64 of shape (n_items,)."""
    bit = np.zeros(len(INGREDIENTS), np.uint64)
    for place, word in enumerate(AVOIDABLE):
        bit[_CODE[word]] = np.uint64(1 << place)
    bits = np.zeros(len(ingredients), np.uint64)
    np.bitwise_or.at(bits, ingredients.rows, bit[ingredients.values])
    return bits


def contains(ingredients: Ragged, word: str) -> npt.NDArray[np.int32]:
    """Products that contain `word`, ascending, int32."""
    return np.asarray(ingredients.rows[ingredients.values == _CODE[word]], np.int32)


def items_table(
    catalogue: Catalogue,
    ingredients: Ragged,
    functions: Ragged,
    ids: "pd.Series[str]",
    start: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """The canonical items table; `start` is the first second of the shop since 1970 UTC."""
    brands = _brand_names(len(catalogue.brand_tier), rng)[catalogue.brand]
    paths = _objects(kind.path for kind in CATEGORIES)[catalogue.category]
    launched = start + catalogue.launch_day.astype(np.int64) * SECONDS_PER_DAY
    return pd.DataFrame(
        {
            "item": ids,
            "name": pd.Series(_names(catalogue, brands, rng), dtype="str"),
            "brand": pd.Series(brands, dtype="str"),
            "category": pd.Series(paths, dtype="str"),
            "price": catalogue.price,
            "ingredients": _word_lists(ingredients, INGREDIENTS),
            "functions": _word_lists(functions, FUNCTIONS),
            "in_stock": catalogue.in_stock,
            "launched_at": pd.to_datetime(launched, unit="s", utc=True).as_unit("us"),
        }
    )


def _names(
    catalogue: Catalogue, brands: npt.NDArray[np.object_], rng: np.random.Generator
) -> npt.NDArray[np.object_]:
    """Brand, a fancy word (half the time that of the style), and what it is."""
    n = len(catalogue)
    fancy = np.where(rng.random(n) < 0.5, catalogue.style, rng.integers(0, len(STYLES), n))
    noun = _objects(kind.path.rpartition(" > ")[2].removesuffix("s") for kind in CATEGORIES)
    claim = _objects(word.title() for word in CLAIMS)[catalogue.strength.argmax(axis=1)]
    number = np.arange(n).astype(str).astype(object)[rng.permutation(n)]
    title = brands + " " + _objects(STYLES)[fancy] + " " + claim + " " + noun[catalogue.category]
    return np.asarray(title + " No. " + number, dtype=object)


def _brand_names(n_brands: int, rng: np.random.Generator) -> npt.NDArray[np.object_]:
    """Distinct names in random order."""
    n_names = len(BRAND_STARTS) * len(BRAND_ENDS)
    code = rng.permutation(max(n_brands, n_names))[:n_brands]
    ends = [f" {end}" if end[0].isupper() else end for end in BRAND_ENDS]
    names = _objects(first + last for first in BRAND_STARTS for last in ends)[code % n_names]
    again = code // n_names
    return np.where(again == 0, names, names + " " + again.astype(str).astype(object))


def _word_lists(lists: Ragged, words: tuple[str, ...]) -> pd.Series:
    flat, offsets = _objects(words)[lists.values].tolist(), lists.offsets.tolist()
    return pd.Series([flat[first:last] for first, last in pairwise(offsets)], dtype=object)


def _objects(words: Iterable[str]) -> npt.NDArray[np.object_]:
    return np.array(list(words), dtype=object)
