"""What ingredients do: the European Commission's CosIng inventory of cosmetic functions."""

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path

import pandas as pd

from dataset.ingredients import normalise_name
from dataset.sources.files import read_csv


def load_cosing(path: str | Path) -> Mapping[str, tuple[str, ...]]:
    """Functions of each ingredient.

    Parameters
    ----------
    path : str or Path
        CSV with columns `inci_name` and `function`, functions separated by ", ".

    Returns
    -------
    mapping of str to tuple of str
        Normalised INCI name to its functions in small letters, sorted; names that normalise alike share
        the union. Ingredients without a function map to ().

    Raises
    ------
    DataContractError
        If the file is missing, no CSV, or lacks a column.
    """
    table = read_csv(Path(path).expanduser(), ["inci_name", "function"])
    functions: dict[str, set[str]] = {}
    for name, text in zip(table["inci_name"], table["function"].str.lower(), strict=True):
        words = (word.strip() for word in text.split(","))
        functions.setdefault(normalise_name(name), set()).update(word for word in words if word)
    functions.pop("", None)
    return {name: tuple(sorted(words)) for name, words in functions.items()}


def function_words(ingredients: Iterable[str], cosing: Mapping[str, tuple[str, ...]]) -> list[str]:
    """A word "function:…" for each function of each ingredient; the count is the weight."""
    return [f"function:{word}" for name in ingredients for word in cosing.get(name, ())]


def coverage(lists: Iterable[Iterable[str]], cosing: Mapping[str, tuple[str, ...]]) -> float:
    """Share of all mentions of ingredients, 0 to 1, that the inventory knows; NaN without a mention."""
    mentions = pd.Series(list(chain.from_iterable(lists)), dtype="str")
    return float(mentions.isin(list(cosing)).mean())
