"""A block of a mapping as a stream: its rows picked, their ids translated, their cells read."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from dataset.canonical import no_rejects
from dataset.contracts import TIME_DTYPE
from dataset.cosing import function_words, load_cosing
from dataset.errors import DataContractError
from dataset.reading.csv_files import CsvFiles
from dataset.reading.reader import UNREAD, Reader
from dataset.sources import columns
from dataset.sources.files import rejects
from dataset.sources.mapping import IDS, OPTIONAL, ROLES, Block
from dataset.sources.mapping_entries import KeyMap
from dataset.sources.stream import LEFT_OUT, Mapped


@dataclass(frozen=True, kw_only=True)
class Translation:
    """The ids of a block in the words of the others.

    Parameters
    ----------
    keys : KeyMap
    reader : CsvFiles
        Of its file.
    digest : str
        sha256 of the file.
    """

    keys: KeyMap
    reader: CsvFiles
    digest: str

    @cached_property
    def ids(self) -> "pd.Series[str]":
        """The other id by this one.

        Raises
        ------
        DataContractError
            If an id has two.
        """
        pieces = self.reader.pieces()
        read = pd.concat([chunk for piece in pieces for chunk in self.reader.chunks(piece)])
        pairs = read[[self.keys.source, self.keys.target]].drop_duplicates()
        pairs = pairs[(pairs != "").all(axis=1)]
        source = pairs[self.keys.source]
        if source.duplicated().any():
            twice = source[source.duplicated()].iloc[0]
            raise DataContractError(
                f"{self.keys.file.pattern} must translate each {self.keys.source} once. "
                f"Got several for {twice}."
            )
        return pd.Series(pairs[self.keys.target].to_numpy(), index=pd.Index(source), dtype="str")


@dataclass(frozen=True, kw_only=True)
class BlockStream:
    """Rows of a block, chunk by chunk; see `Stream`.

    Parameters
    ----------
    block : Block
    reader : Reader
    translations : mapping of str to Translation
        By canonical id.
    cosing : Path or None
        The inventory, if "function:…" words are to be added to the items.
    cosing_digest : str or None
        sha256 of it.
    """

    block: Block
    reader: Reader
    translations: Mapping[str, Translation] = field(default_factory=dict)
    cosing: Path | None = None
    cosing_digest: str | None = None

    @property
    def name(self) -> str:
        """See `Stream.name`."""
        return self.block.name

    @property
    def table(self) -> str:
        """See `Stream.table`."""
        return self.block.table

    @property
    def joins(self) -> bool:
        """See `Stream.joins`."""
        return self.block.join

    @property
    def stated(self) -> Sequence[str]:
        """See `Stream.stated`."""
        return tuple(self.block.attributes) if self.table == "interactions" else ()

    @property
    def gives(self) -> Sequence[str]:
        """See `Stream.gives`."""
        block = self.block
        given = [name for name in block.roles if name in block.columns or name in block.constants]
        if self._cosing and "ingredients" in given:
            given.append("functions")
        return tuple(dict.fromkeys(out for name in given for out in _outputs(name, block.roles[name])))

    @property
    def key(self) -> Mapping[str, Any]:
        """See `Stream.key`."""
        maps = {name: one.digest for name, one in self.translations.items()}
        return {
            "block": _plain(self.block),
            "maps": maps,
            "cosing": self.cosing_digest if self._cosing else None,
        }

    def mapped(self, chunk: pd.DataFrame) -> Mapped:
        """See `Stream.mapped`."""
        block = self.block
        rejected = [no_rejects()]
        converted: Counter[str] = Counter()
        raw = self._whole(chunk.reset_index(drop=True), rejected)
        raw = self._picked(self._trimmed(raw, converted), rejected)
        raw, ids = self._translated(raw, rejected, converted)
        out: dict[str, columns.Cells] = {}
        for name, role in block.roles.items():
            cells = ids.get(name)
            if cells is None:
                cells = self._cells(name, role, raw)
            if cells is None:
                blanks = {at: _default(block.table, at, role, raw.index) for at in _outputs(name, role)}
                out.update({at: blank for at, blank in blanks.items() if blank is not None})
                continue
            source = block.columns.get(name, [name])[0]
            where = f"column {source} of {block.name.partition(': ')[2]}"
            for at, read in zip(_outputs(name, role), self._read(name, role, cells, where), strict=True):
                out[at] = read.cells
                converted.update({f"{at}: {how}": n for how, n in read.converted.items()})
                rejected += self._unread(name, source, raw, read)
        if self._cosing:
            out["functions"] = self._with_functions(out["functions"], out["ingredients"])
        frame = pd.DataFrame(out, index=raw.index)
        return Mapped(frame=frame, rejected=pd.concat(rejected, ignore_index=True), converted=converted)

    @property
    def _cosing(self) -> bool:
        return self.cosing is not None and self.table == "items"

    def _whole(self, raw: pd.DataFrame, rejected: list[pd.DataFrame]) -> pd.DataFrame:
        """The rows that the reader could take apart."""
        if UNREAD not in raw:
            return raw
        torn = raw[UNREAD].notna()
        rejected.append(
            rejects(self.table, "row", "the row is not as long as the header", raw.loc[torn, [UNREAD]])
        )
        return raw.loc[~torn].drop(columns=UNREAD)

    def _trimmed(self, raw: pd.DataFrame, converted: Counter[str]) -> pd.DataFrame:
        """The cells without blanks at their ends, if the block says so."""
        texts = [name for name in raw if raw[name].dtype == "str"] if self.block.trim else []
        for source in texts:
            bare = raw[source].str.strip()
            name = next((name for name, sources in self.block.columns.items() if source in sources), source)
            converted[f"{name}: blanks trimmed"] += int((bare != raw[source]).sum())
            raw = raw.assign(**{str(source): bare})
        return raw

    def _picked(self, raw: pd.DataFrame, rejected: list[pd.DataFrame]) -> pd.DataFrame:
        """The rows that `where` and `where_not` keep."""
        for choices, wanted in ((self.block.where, True), (self.block.where_not, False)):
            for column, values in choices.items():
                kept = raw[column].isin(list(values)) == wanted
                said = f"{LEFT_OUT}{column} is {'not ' if wanted else ''}{' or '.join(values)}"
                rejected.append(rejects(self.table, "row", said, raw[~kept]))
                raw = raw[kept]
        return raw

    def _translated(
        self, raw: pd.DataFrame, rejected: list[pd.DataFrame], converted: Counter[str]
    ) -> tuple[pd.DataFrame, dict[str, columns.Cells]]:
        """The rows left, numbered anew, and their translated ids."""
        found = {}
        for name, translation in self.translations.items():
            cells = raw[self.block.columns[name][0]]
            translated = cells.map(translation.ids)
            unknown = translated.isna() & (cells != "")
            converted[f"{name}: by {translation.keys.file.pattern}"] += int(translated.notna().sum())
            found[name] = translated.where(translated.notna(), cells).astype("str")
            if translation.keys.quarantine:
                why = f"{name} is not in {translation.keys.file.pattern}"
                rejected.append(rejects(self.table, "row", why, raw[unknown]))
                raw = raw[~unknown]
        ids = {name: cells.loc[raw.index].reset_index(drop=True) for name, cells in found.items()}
        return raw.reset_index(drop=True), ids

    def _cells(self, name: str, role: str, raw: pd.DataFrame) -> "columns.Cells | None":
        """The cells of a canonical column as they came; None if the block has none."""
        if name in self.block.constants:
            return pd.Series(self.block.constants[name], index=raw.index, dtype="str")
        if name not in self.block.columns:
            return None
        sources = list(self.block.columns[name])
        return _joined(raw[sources]) if role == "path" else raw[sources[0]]

    def _read(self, name: str, role: str, cells: columns.Cells, where: str) -> Sequence[columns.Read]:
        block = self.block
        separator = block.separators.get(name)
        if role == "number":
            return [columns.numbers(cells, block.decimal)]
        if role == "size":
            return columns.sized(cells)
        if role == "flag":
            return [columns.flags(cells)]
        if role == "moment":
            return [columns.moments(cells, block.time_formats, block.timezone, where)]
        if role == "words":
            return [columns.words(cells, separator)]
        if role == "names":
            return [columns.ingredient_names(cells, separator)]
        return [columns.kinds(cells, block.kinds) if role == "kind" else columns.labels(cells)]

    def _unread(self, name: str, source: str, raw: pd.DataFrame, read: columns.Read) -> list[pd.DataFrame]:
        """The cells that could not be read, with the ids of their rows."""
        ids = [self.block.columns[at][0] for at in IDS[self.table] if at in self.block.columns]
        shown = [at for at in dict.fromkeys([*ids, source]) if at in raw]
        found = read.unread.items()
        return [
            rejects(self.table, "cell", f"{name} {why}", raw.loc[bad, shown])
            for why, bad in found
            if bad.any()
        ]

    def _with_functions(self, functions: columns.Cells, ingredients: columns.Cells) -> columns.Cells:
        pairs = zip(functions, ingredients, strict=True)
        listed = [[*words, *function_words(names, self._inventory)] for words, names in pairs]
        return pd.Series(listed, index=functions.index, dtype=object)

    @cached_property
    def _inventory(self) -> Mapping[str, tuple[str, ...]]:
        return load_cosing(str(self.cosing))


def native_columns(block: Block) -> Collection[str]:
    """Columns of a block that are best read in the type in which they are stored."""
    native = ("number", "moment", "flag")
    typed = {s for name, sources in block.columns.items() if block.roles[name] in native for s in sources}
    as_text = {
        s for name, sources in block.columns.items() if block.roles[name] not in native for s in sources
    }
    return typed - as_text - set(block.where) - set(block.where_not)


def _outputs(name: str, role: str) -> Sequence[str]:
    """Columns of the canonical frame that one entry of the mapping fills."""
    return (f"{name}_ml", f"{name}_g") if role == "size" else (name,)


def _joined(parts: pd.DataFrame) -> columns.Cells:
    """A category path from its levels, blank levels left out."""
    if parts.shape[1] == 1 and not pd.api.types.is_object_dtype(parts.dtypes.iloc[0]):
        return parts.iloc[:, 0]
    rows = parts.to_numpy(dtype=object)
    paths = [
        [level for cell in row for level in (cell if isinstance(cell, list) else [cell])] for row in rows
    ]
    return pd.Series(
        [" > ".join(str(p) for p in path if p) for path in paths], index=parts.index, dtype="str"
    )


def _default(table: str, name: str, role: str, index: pd.Index) -> "pd.Series[Any] | None":
    """What a column holds that no file has; None for what is left out altogether."""
    if name in OPTIONAL:
        return None
    if name in ROLES[table] and role in ("words", "names"):
        return pd.Series([[] for _ in index], index=index, dtype=object)
    if table == "users" or name not in ROLES[table]:
        return None
    scalars: Mapping[str, tuple[object, str]] = {
        "label": (np.nan, "str"),
        "path": (np.nan, "str"),
        "number": (1.0 if name == "quantity" else np.nan, "float64"),
        "flag": (True, "bool"),
        "moment": (pd.NaT, TIME_DTYPE),
    }
    value, dtype = scalars[role]
    return pd.Series(value, index=index, dtype=dtype)


def _plain(block: Block) -> dict[str, Any]:
    """What the rows of a block depend on, JSON-able; not what it is called."""
    entries = {name: value for name, value in vars(block).items() if name != "name"}
    keys = {name: vars(one) | {"file": vars(one.file)} for name, one in block.keys.items()}
    return {**entries, "origin": vars(block.origin), "keys": keys}
