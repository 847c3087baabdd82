"""What ingredients do: the European Commission's CosIng inventory of cosmetic functions."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from dataset.ingredients.normalising import normalise
from dataset.ingredients.synonyms import key
from dataset.sources.files import read_csv


class Inventory(Mapping[str, tuple[str, ...]]):
    """Functions of ingredients, looked up by name; hyphens, spaces and a plural s make no difference.

    Parameters
    ----------
    functions : mapping of str to tuple of str
        By normalised INCI name.

    Examples
    --------
    >>> inventory = Inventory({"xanthan gum": ("binding",)})
    >>> inventory["xanthan-gum"], "xanthan" in inventory, list(inventory)
    (('binding',), False, ['xanthan gum'])
    """

    def __init__(self, functions: Mapping[str, tuple[str, ...]]) -> None:
        self._functions = dict(functions)
        self._named = {key(name): name for name in sorted(self._functions, reverse=True)}

    def placed(self, name: str) -> str | None:
        """The inventory's spelling of a normalised name; None if it knows no such ingredient."""
        if name in self._functions:
            return name
        letters = key(name)
        candidates = (letters, letters.removesuffix("s"), letters + "s")
        return next((self._named[each] for each in candidates if each in self._named), None)

    def __getitem__(self, name: str) -> tuple[str, ...]:
        placed = self.placed(name)
        if placed is None:
            raise KeyError(name)
        return self._functions[placed]

    def __iter__(self) -> Iterator[str]:
        return iter(self._functions)

    def __len__(self) -> int:
        return len(self._functions)


def load_cosing(path: str | Path) -> Inventory:
    """Functions of each ingredient.

    Parameters
    ----------
    path : str or Path
        CSV with columns `inci_name` and `function`, functions separated by ", ".

    Returns
    -------
    Inventory
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
        functions.setdefault(_one_name(name), set()).update(word for word in words if word)
    functions.pop("", None)
    return Inventory({name: tuple(sorted(words)) for name, words in functions.items()})


def function_words(ingredients: Iterable[str], cosing: Mapping[str, tuple[str, ...]]) -> list[str]:
    """A word "function:…" for each function of each ingredient; the count is the weight."""
    return [f"function:{word}" for name in ingredients for word in cosing.get(name, ())]


def _one_name(name: str) -> str:
    """The name as labels are read; as it stands where a label would be read as several ingredients."""
    names = normalise(name)
    return names[0] if len(names) == 1 else " ".join(name.casefold().split())
