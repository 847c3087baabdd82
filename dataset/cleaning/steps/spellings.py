"""One spelling for each brand, category or label."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd

from dataset.cleaning.quarantine import NAMES
from dataset.cleaning.step import Applied, State
from dataset.errors import DataContractError, ParameterError
from dataset.parameters import check_choice, check_mapping


@dataclass(frozen=True, kw_only=True)
class SpellingsFolded:
    """Spellings that differ in case, accents, punctuation or spaces only become the commonest one.

    Of equally common spellings the first in the order of code points stands. Which spelling stands depends
    on the whole table, the rows after a split in time included; which cells are the same does not, so no
    model learns from it.

    Parameters
    ----------
    table : str
        users, items or interactions.
    column : str
        Of labels; a table without it is left alone.
    separator : str or None
        What stands between the levels of a path; each level is then folded by itself.
    aliases : mapping of str to str
        Spelling to the one that stands for it, as written there: "YSL" to "Yves Saint Laurent".
    """

    table: str
    column: str
    separator: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    carries: ClassVar[bool] = False
    surveys: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_choice(self, "table", NAMES)
        check_mapping(self, "aliases")
        if not all(isinstance(text, str) and text.strip() for text in self.aliases.values()):
            raise ParameterError(
                "SpellingsFolded", "aliases", "a mapping from spelling to spelling", self.aliases
            )
        if self.separator is not None and not (isinstance(self.separator, str) and self.separator.strip()):
            raise ParameterError("SpellingsFolded", "separator", "some text or null", self.separator)

    def survey(self, frame: pd.DataFrame) -> State:
        """How often each spelling occurs."""
        found: Counter[str] = Counter()
        if self.column in frame:
            for cell, n in self._cells(frame).value_counts().items():
                for level in self._levels(str(cell)):
                    found[level] += int(n)
        return dict(sorted(found.items()))

    def merged(self, states: Sequence[State]) -> State:
        """The counts together."""
        total: Counter[str] = Counter()
        for state in states:
            total.update(state)
        return dict(sorted(total.items()))

    def applied(self, frame: pd.DataFrame, state: State | None) -> Applied:
        """All rows, the column in its standing spellings."""
        if self.column not in frame:
            return Applied(frame=frame, changed={f"{self.column}: there is no such column": 0})
        cells = self._cells(frame)
        codes, distinct = pd.factorize(cells)
        paths = [list(self._levels(str(cell))) for cell in distinct]
        standing = self._standing(state or {}, {level for path in paths for level in path})
        names = [(self.separator or "").join(standing[level] for level in path) for path in paths]
        spelt = pd.Series(np.array([*names, None], dtype=object)[codes], index=frame.index, dtype="str")
        n_changed = int(((spelt != cells) & cells.notna()).sum())
        return Applied(
            frame=frame.assign(**{self.column: spelt}) if n_changed else frame,
            changed={f"{self.column}: spelt as the others": n_changed},
        )

    def closed(self, carried: pd.DataFrame) -> Applied:
        """Nothing was carried."""
        return Applied(frame=carried.iloc[:0])

    def _standing(self, counts: Mapping[str, int], spellings: set[str]) -> dict[str, str]:
        """The spelling that stands for each of `spellings`, all of which were counted."""
        meant = {folded(other): folded(text) for other, text in self.aliases.items()}
        keys = {spelling: folded(spelling) for spelling in {*counts, *spellings}}
        keys = {spelling: meant.get(key, key) for spelling, key in keys.items()}
        first: dict[str, str] = {}
        for spelling in sorted(counts, key=lambda spelling: (-counts[spelling], spelling)):
            first.setdefault(keys[spelling], spelling)
        first |= {folded(text): text for text in self.aliases.values()}
        return {spelling: first[keys[spelling]] for spelling in spellings}

    def _levels(self, cell: str) -> Iterable[str]:
        if self.separator is None:
            return [cell]
        levels = [level.strip() for level in cell.split(self.separator.strip())]
        return [level for level in levels if level] or [cell]

    def _cells(self, frame: pd.DataFrame) -> "pd.Series[str]":
        cells = frame[self.column]
        if str(cells.dtype) != "str":
            raise DataContractError(
                f"Spellings are those of labels. Got {self.column} of {self.table}, "
                f"which holds {cells.dtype}."
            )
        return cells


def folded(text: str) -> str:
    """Letters and digits of any script, small and without accents; the text itself if it has none.

    Examples
    --------
    >>> folded("L'Oréal  Paris") == folded("LOREAL PARIS")
    True
    """
    plain = unicodedata.normalize("NFKD", text.replace("&", " and ")).casefold()
    kept = [c for c in plain if not "\u0300" <= c <= "\u036f" and unicodedata.category(c)[0] in "LNM"]
    return "".join(kept) or text
