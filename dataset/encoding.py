"""From canonical tables of strings to arrays of codes, in an order that carries no information."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, count
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

from dataset.canonical import Tables
from dataset.dataset import Dataset, Oracle
from dataset.errors import DataContractError
from dataset.interactions import KINDS, Interactions
from dataset.items import UNKNOWN_TIME, Items
from dataset.ragged import Categorical, Ragged, TokenLists, offsets_of
from dataset.users import Users
from dataset.vocabulary import Vocabulary

_BLOCK: Final = 1_000_000  # events coded together; memory grows with it, results do not


class TablesInParts(Protocol):
    """Tables whose events come part by part, so that never all of them are there as strings.

    A source that can give them so has a method `in_parts`, and is then prepared part by part.
    """

    @property
    def users(self) -> pd.DataFrame:
        """As in `Tables`."""
        ...

    @property
    def items(self) -> pd.DataFrame:
        """As in `Tables`."""
        ...

    @property
    def stated(self) -> Sequence[str]:
        """As in `Tables`."""
        ...

    @property
    def oracle(self) -> Oracle | None:
        """As in `Tables`."""
        ...

    def parts(self) -> Iterator[pd.DataFrame]:
        """Frames like `Tables.interactions`, in any order and of any length."""
        ...


@runtime_checkable
class RowOracle(Protocol):
    """An oracle in the row order of the tables, which can be put into the order of the codes."""

    def recode(self, user_rows: npt.NDArray[np.int64], item_rows: npt.NDArray[np.int64]) -> Oracle:
        """The same oracle for users and items in another order; `user_rows[code]` is a row."""
        ...


def encode(tables: Tables | TablesInParts, name: str, seed: int = 0) -> Dataset:
    """Code clean tables.

    Parameters
    ----------
    tables : Tables or TablesInParts
        As `clean` leaves them: ids distinct, every event's user and item known. Events that come in parts
        are coded part by part: beyond the codes, 21 bytes an event, memory grows with the largest part.
    name : str
        Name of the dataset, for reports.
    seed : int
        Key of the hash that orders the codes, hence of how ties are broken.

    Returns
    -------
    Dataset
        Its digest is a sha256 over all coded content: the same for any row order of the tables, and
        equal digests give equal results.

    Raises
    ------
    DataContractError
        If an id repeats, or an event's user, item or kind is unknown: such tables were not cleaned.
    """
    # One table after the other, each read once: what is stored is read anew whenever it is asked for.
    table = tables.users
    user_ids, user_rows = _coded(table["user"], "users", seed)
    users = _users(table, user_rows)
    table = tables.items
    item_ids, item_rows = _coded(table["item"], "items", seed)
    items = _items(table, item_rows)
    del table
    interactions = _interactions(tables, user_ids, item_ids)
    oracle: Oracle | None = tables.oracle
    if isinstance(oracle, RowOracle):
        oracle = oracle.recode(user_rows, item_rows)
    return Dataset(
        name=name,
        users=users,
        items=items,
        interactions=interactions,
        user_ids=user_ids,
        item_ids=item_ids,
        digest=_digest(user_ids, item_ids, users, items, interactions),
        oracle=oracle,
    )


def _coded(ids: "pd.Series[str]", table: str, seed: int) -> tuple[Vocabulary, npt.NDArray[np.int64]]:
    """Vocabulary of distinct ids, and the table row of each code."""
    vocabulary = Vocabulary.of(ids, seed)
    if len(vocabulary) != len(ids):
        twice = str(ids[ids.duplicated()].iloc[0])
        raise DataContractError(f"Ids of {table} must be distinct. Got {twice!r} twice: clean the tables.")
    rows = np.empty(len(ids), np.int64)
    rows[vocabulary.encode(ids)] = np.arange(len(ids))
    return vocabulary, rows


def _users(users: pd.DataFrame, rows: npt.NDArray[np.int64]) -> Users:
    """Numbers become `numeric`, labels `categorical`; dates are not coded, as they grow with the calendar."""
    numeric, categorical = {}, {}
    for name in users.columns.drop(["user", "concerns", "avoids"], errors="ignore"):
        column = users[name].iloc[rows]
        if pd.api.types.is_datetime64_any_dtype(column):
            continue
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            numeric[str(name)] = column.to_numpy(np.float32, na_value=np.nan)
        else:
            categorical[str(name)] = _labels(column)
    return Users(
        numeric=numeric,
        categorical=categorical,
        concerns=_words(users, "concerns", rows),
        avoids=_words(users, "avoids", rows),
    )


def _items(items: pd.DataFrame, rows: npt.NDArray[np.int64]) -> Items:
    return Items(
        brand=_labels(items["brand"].iloc[rows]),
        category=_labels(items["category"].iloc[rows]),
        price=items["price"].iloc[rows].to_numpy(np.float32, na_value=np.nan),
        in_stock=items["in_stock"].iloc[rows].to_numpy(np.bool_),
        launched=_seconds(items["launched_at"].iloc[rows]),
        ingredients=_words(items, "ingredients", rows),
        functions=_words(items, "functions", rows),
        min_age=_optional_number(items, "min_age", rows),
        regions=_words(items, "regions", rows) if "regions" in items else None,
    )


def _optional_number(
    frame: pd.DataFrame, column: str, rows: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32] | None:
    return frame[column].iloc[rows].to_numpy(np.float32, na_value=np.nan) if column in frame else None


def _interactions(tables: Tables | TablesInParts, user_ids: Vocabulary, item_ids: Vocabulary) -> Interactions:
    users, items, kinds = (pd.Index(ids, dtype=object) for ids in (user_ids.ids, item_ids.ids, KINDS))
    stated = {name: _Labels() for name in tables.stated}
    columns: dict[str, list[npt.NDArray[Any]]] = {
        name: [] for name in ("user", "item", "kind", "value", "time")
    }
    for events in _blocks(tables):
        columns["user"].append(_codes(events["user"], users, "user"))
        columns["item"].append(_codes(events["item"], items, "item"))
        columns["kind"].append(_codes(events["kind"], kinds, "kind").astype(np.int8))
        columns["value"].append(events["value"].to_numpy(np.float32, na_value=np.nan))
        columns["time"].append(_seconds(events["timestamp"]))
        if (columns["time"][-1] == UNKNOWN_TIME).any():
            raise DataContractError("Every event must have a timestamp. Got some without: clean the tables.")
        for name, labels in stated.items():
            labels.add(events[name])
    types = {"user": np.int32, "item": np.int32, "kind": np.int8, "value": np.float32, "time": np.int64}
    # Taken out of the mapping one by one, so that only one column is there twice.
    whole = {name: np.concatenate([np.zeros(0, dtype), *columns.pop(name)]) for name, dtype in types.items()}
    order = np.lexsort([whole[name] for name in ("kind", "item", "time", "user")])
    ordered = {name: whole.pop(name)[order] for name in types}
    coded = {name: labels.categorical().take(order) for name, labels in stated.items()}
    return _settled(Interactions(**ordered, stated=coded))


def _blocks(tables: Tables | TablesInParts) -> Iterator[pd.DataFrame]:
    """The events, at most `_BLOCK` at a time."""
    parts = iter([tables.interactions]) if isinstance(tables, Tables) else tables.parts()
    for part in parts:
        yield from (part.iloc[at : at + _BLOCK] for at in range(0, len(part), _BLOCK))


class _Labels:
    """Labels of one column, coded part by part: first as they appear, in the end as they sort."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}
        self._parts: list[npt.NDArray[np.int32]] = []

    def add(self, column: "pd.Series[str]") -> None:
        """Code the next part."""
        part = _labels(column)
        codes = [self._seen.setdefault(name, len(self._seen)) for name in part.names]
        self._parts.append(np.array([*codes, -1], np.int32)[part.codes])  # -1, missing, is the last

    def categorical(self) -> Categorical:
        """All parts, in their order."""
        names = sorted(self._seen)
        place = np.full(len(names) + 1, -1, np.int32)
        place[[self._seen[name] for name in names]] = np.arange(len(names), dtype=np.int32)
        return Categorical(place[np.concatenate([np.zeros(0, np.int32), *self._parts])], tuple(names))


def _settled(events: Interactions) -> Interactions:
    """Order events that are alike in user, time, item and kind by the rest, not by the file."""
    keys = (events.user, events.time, events.item, events.kind)
    alike = np.logical_and.reduce([key[1:] == key[:-1] for key in keys])
    if not alike.any():
        return events
    rest = [events.stated[name].codes for name in sorted(events.stated)]
    return events.take(np.lexsort((*rest, events.value, *reversed(keys))))


def _codes(ids: "pd.Series[str]", known: pd.Index, column: str) -> npt.NDArray[np.int32]:
    """The place of each id among those known, whose table of hashes is made at the first call only."""
    positions, distinct = pd.factorize(ids)
    codes = known.get_indexer(pd.Index(distinct, dtype=object)).astype(np.int32)
    if (codes < 0).any() or (positions < 0).any():
        unknown = distinct[int(np.argmin(codes))] if (codes < 0).any() else None
        raise DataContractError(
            f"The {column} of every event must be known. Got {unknown!r}: clean the tables first."
        )
    return codes[positions] if len(codes) else np.zeros(0, np.int32)


def _labels(column: "pd.Series[str]") -> Categorical:
    labels = column.astype("str")
    codes, names = pd.factorize(labels.mask(labels == ""), sort=True)
    return Categorical(codes.astype(np.int32), tuple(str(name) for name in names))


def _words(frame: pd.DataFrame, column: str, rows: npt.NDArray[np.int64]) -> TokenLists:
    """`TokenLists.of` without a loop over rows; a missing column or cell is an empty list."""
    if column not in frame.columns:
        return TokenLists.empty(len(rows))
    cells = frame[column].iloc[rows]
    lengths = cells.str.len().fillna(0).to_numpy(np.int64)
    seen: defaultdict[str, int] = defaultdict(count().__next__)  # words are numbered as they appear
    flat = map(seen.__getitem__, chain.from_iterable(cells[lengths > 0]))
    codes = np.fromiter(flat, np.int32, int(lengths.sum()))
    words = sorted(seen)
    place = np.empty(len(words), np.int32)
    place[[seen[word] for word in words]] = np.arange(len(words), dtype=np.int32)
    return TokenLists(Ragged(offsets_of(lengths), place[codes]), tuple(words))


def _seconds(column: "pd.Series[pd.Timestamp]") -> npt.NDArray[np.int64]:
    """Seconds since 1970 UTC, rounded down; `UNKNOWN_TIME` for NaT."""
    stamps = pd.to_datetime(column, utc=True).dt.as_unit("us").dt.tz_localize(None).to_numpy()
    seconds = stamps.astype("datetime64[us]").view(np.int64) // 1_000_000
    return np.where(np.isnat(stamps), UNKNOWN_TIME, seconds)


def _digest(
    user_ids: Vocabulary, item_ids: Vocabulary, users: Users, items: Items, events: Interactions
) -> str:
    """sha256 over names, types, shapes and bytes of everything coded."""
    digest = hashlib.sha256()
    named = {"user_ids": user_ids.ids, "item_ids": item_ids.ids, **vars(users)}
    for name, value in {**named, **vars(items), **vars(events)}.items():
        if value is not None:  # an optional column that the data lacks leaves the digest as it was
            _feed(digest, name, value)
    return digest.hexdigest()


def _feed(digest: "hashlib._Hash", name: str, value: object) -> None:
    digest.update(f"\x1e{name}\x1f".encode())
    if isinstance(value, np.ndarray):
        content = np.where(np.isnan(value), np.float32(np.nan), value) if value.dtype.kind == "f" else value
        digest.update(f"{content.dtype.str}{content.shape}".encode())
        digest.update(np.ascontiguousarray(content).data if content.size else b"")
    elif isinstance(value, tuple):
        digest.update(json.dumps(value).encode())
    elif isinstance(value, Mapping):
        for key in sorted(value):
            _feed(digest, f"{name}.{key}", value[key])
    elif value is not None:
        for key, part in vars(value).items():
            _feed(digest, f"{name}.{key}", part)
