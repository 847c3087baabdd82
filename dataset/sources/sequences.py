"""Sequences without times: one line a user, the user first, then items in the order they came.

The layout of the sequential-recommendation benchmarks. The files hold no times, and what is asked of
them is "leave the last one out", which uses positions from the end alone. So events get *nominal*
times: one day a step, every user's last event on the same day. The k-th last events of all users
thus share a day, one cut-off leaves the last out for everybody, and a window of n days means n steps
from the end. No other meaning may be read into these times.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from dataset.canonical import Tables, no_rejects
from dataset.errors import DataContractError, ParameterError
from dataset.interactions import KINDS, SECONDS_PER_DAY
from dataset.parameters import check_choice
from dataset.sources.files import files_in, folder_of, rejects

_WHITESPACE = str.maketrans(dict.fromkeys("\t\x0b\x0c\r", " "))


@dataclass(frozen=True, kw_only=True)
class Sequences:
    """A folder with one file of sequences and, optionally, attributes of the items.

    Parameters
    ----------
    path : str
        The folder.
    events : str or None
        Name pattern of the file of sequences; by default the only `*.txt`.
    attributes : str
        Name pattern of an optional JSON file: item to a list of attribute ids.
    attribute_names : str
        Name pattern of an optional JSON file: attribute id to its name; without it the ids serve.
        Such files mix brands and categories, which cannot be told apart reliably: all names become
        `functions` of the item, lower-cased, and `brand` and `category` stay empty.
    separator : str or None
        One ASCII character between ids; by default any white space.
    kind : str
        What an event means; changes what counts as owned.
    start : str
        Day of the longest sequence's first event; changes no result.
    """

    path: str
    events: str | None = None
    attributes: str = "*item2attributes.json"
    attribute_names: str = "*attribute_names.json"
    separator: str | None = None
    kind: str = "purchase"
    start: str = "2000-01-01"

    def __post_init__(self) -> None:
        check_choice(self, "kind", KINDS)
        if self.separator is not None and not (len(self.separator) == 1 and self.separator.isascii()):
            raise ParameterError("Sequences", "separator", "one ASCII character or null", self.separator)
        try:
            np.datetime64(self.start, "D")
        except (ValueError, TypeError) as error:
            raise ParameterError("Sequences", "start", "a day such as 2000-01-01", self.start) from error

    def inputs(self) -> Sequence[Path]:
        """The file of sequences, then the files of attributes that exist."""
        folder = folder_of(self.path)
        optional = [self._optional(folder, self.attributes), self._optional(folder, self.attribute_names)]
        return [self._events(folder), *(path for path in optional if path)]

    def read(self) -> Tables:
        """The canonical tables; lines that cannot be used are in `rejected` with their numbers.

        Raises
        ------
        DataContractError
            If the folder or the file is missing or not UTF-8, or a JSON file has another layout.
        """
        folder = folder_of(self.path)
        path = self._events(folder)
        tokens, line = _tokens(_text_of(path), self.separator)
        is_user = np.ones(len(line), bool)
        is_user[1:] = line[1:] != line[:-1]
        bad = _malformed(tokens, line, is_user, path)
        good = ~np.isin(line, bad["line"].to_numpy(np.int64))
        tokens, line, is_user = tokens[good].reset_index(drop=True), line[good], is_user[good]
        starts = np.flatnonzero(is_user)
        sizes = np.diff(np.append(starts, len(tokens))) - 1
        items = tokens[~is_user].reset_index(drop=True)
        users = tokens[is_user].reset_index(drop=True)
        interactions = pd.DataFrame(
            {
                "user": users.take(np.repeat(np.arange(len(users)), sizes)).reset_index(drop=True),
                "item": items,
                "kind": pd.Series(self.kind, index=items.index, dtype="str"),
                "value": np.nan,
                "quantity": 1.0,
                "timestamp": self._nominal_times(sizes),
            }
        )
        rejected = [
            rejects("interactions", "row", str(reason), rows.drop(columns="reason"))
            for reason, rows in bad.groupby("reason", sort=True)
        ]
        return Tables(
            users=pd.DataFrame({"user": users}),
            items=self._items(folder, items),
            interactions=interactions,
            rejected=pd.concat([no_rejects(), *rejected], ignore_index=True),
        )

    def _nominal_times(self, sizes: npt.NDArray[np.int64]) -> "pd.Series[pd.Timestamp]":
        """One day a step, so that all last events fall on one day."""
        longest = int(sizes.max(initial=1))
        ends = np.cumsum(sizes)
        from_end = np.repeat(ends, sizes) - 1 - np.arange(int(sizes.sum()))
        day = np.datetime64(self.start, "D").astype(np.int64) + longest - 1 - from_end
        return pd.Series(pd.to_datetime(day * SECONDS_PER_DAY, unit="s", utc=True)).dt.as_unit("us")

    def _items(self, folder: Path, seen: "pd.Series[str]") -> pd.DataFrame:
        attributes = _mapping(self._optional(folder, self.attributes))
        names = _mapping(self._optional(folder, self.attribute_names))
        listed = [item for item in attributes if item]
        item = pd.concat([seen, pd.Series(listed, dtype="str")]).drop_duplicates().reset_index(drop=True)
        words = [_words(attributes.get(code, ()), names) for code in item.tolist()]
        blank = pd.Series("", index=item.index, dtype="str")
        return pd.DataFrame(
            {
                "item": item,
                "name": blank,
                "brand": blank,
                "category": blank,
                "price": np.nan,
                "ingredients": pd.Series([[] for _ in words], dtype=object),
                "functions": pd.Series(words, dtype=object),
                "in_stock": True,
                "launched_at": pd.Series(pd.NaT, index=item.index, dtype="datetime64[us, UTC]"),
            }
        )

    def _events(self, folder: Path) -> Path:
        pattern = self.events or "*.txt"
        found = files_in(folder, pattern, what="a file of sequences")
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise DataContractError(f"{folder} must hold one file of sequences. Got {names}: set `events`.")
        return found[0]

    @staticmethod
    def _optional(folder: Path, pattern: str) -> Path | None:
        return next(iter(sorted(folder.glob(pattern))), None)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")  # universal newlines: "\r\n" becomes "\n"
    except (OSError, UnicodeDecodeError) as error:
        raise DataContractError(f"{path} must be text in UTF-8. Reading it failed: {error}.") from error


def _tokens(text: str, separator: str | None) -> tuple["pd.Series[str]", npt.NDArray[np.int64]]:
    """All ids of a text and the line, from 1, of each; empty lines leave no trace.

    Blank ids between two separators stay, as "".
    """
    mark = separator or " "
    if separator is None:
        text = text.translate(_WHITESPACE)
    content = np.frombuffer(f"{text}\n".encode(), np.uint8)  # an ASCII byte never lies within a character
    marks = content[(content == ord(mark)) | (content == ord("\n"))]
    line = np.cumsum(marks == ord("\n")) + (marks != ord("\n"))
    tokens = pd.Series(f"{text}\n".replace("\n", mark)[:-1].split(mark), dtype="str").str.strip()
    filled = (tokens != "").to_numpy()
    if separator is not None:  # only a line without any id is empty
        filled = filled | (np.bincount(line, weights=filled)[line] > 0)
    return tokens[filled].reset_index(drop=True), line[filled]


def _malformed(
    tokens: "pd.Series[str]", line: npt.NDArray[np.int64], is_user: npt.NDArray[np.bool_], path: Path
) -> pd.DataFrame:
    """Lines that cannot be used: `file`, `line`, `text`, `reason`."""
    starts = np.flatnonzero(is_user)
    lines = line[starts]
    sizes = np.diff(np.append(starts, len(line)))
    blank = np.isin(lines, line[(tokens == "").to_numpy()])
    repeated = tokens.iloc[starts].duplicated().to_numpy() & ~blank
    reason = np.select(
        [blank, sizes < 2, repeated],
        ["an id is blank", "a user without items", "the user has an earlier line"],
        default="",
    )
    bad = np.flatnonzero(reason != "")
    texts = [" ".join(tokens.iloc[starts[at] : starts[at] + sizes[at]].tolist()) for at in bad]
    return pd.DataFrame({"file": path.name, "line": lines[bad], "text": texts, "reason": reason[bad]})


def _words(attributes: Sequence[object], names: Mapping[str, Any]) -> list[str]:
    """Names of attributes in small letters; the id where the name is missing or blank."""
    return [str(names.get(str(key)) or key).strip().lower() or str(key) for key in attributes]


def _mapping(path: Path | None) -> Mapping[str, Any]:
    if path is None:
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataContractError(f"{path} must be a JSON file. Reading it failed: {error}.") from error
    if not isinstance(content, dict):
        raise DataContractError(f"{path} must hold a mapping. Got {type(content).__name__} instead.")
    return content
