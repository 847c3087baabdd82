"""The YAML file that says which columns of a customer's files and tables are which canonical ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped,unused-ignore]

from dataset.contracts import TRANSITIONAL_KINDS
from dataset.errors import ConfigurationError
from dataset.interactions import KINDS
from dataset.sources.mapping_entries import (
    Files,
    KeyMap,
    Query,
    choices,
    key_maps,
    known,
    mapping_of,
    names_of,
    origin_of,
    texts_of,
    zone_of,
)

ROLES: Final[Mapping[str, Mapping[str, str]]] = {
    "users": {
        "user": "id", "age": "number", "region": "label", "skin_type": "label", "skin_tone": "label",
        "concerns": "words", "avoids": "names", "max_price": "number",
    },
    "items": {
        "item": "id", "name": "label", "brand": "label", "category": "path", "price": "number",
        "ingredients": "names", "functions": "words", "in_stock": "flag", "launched_at": "moment",
        "min_age": "number", "regions": "words",
    },
    "interactions": {
        "user": "id", "item": "id", "kind": "kind", "value": "number", "quantity": "number",
        "timestamp": "moment",
    },
}  # fmt: skip
OPTIONAL: Final = ("min_age", "regions", "max_price")
"""Columns that a table has only if a file gives them."""
ATTRIBUTES: Final[Mapping[str, Sequence[str]]] = {
    "users": ("label", "number"), "items": ("label", "number", "size"), "interactions": ("label",)
}  # fmt: skip
IDS: Final[Mapping[str, Sequence[str]]] = {
    "users": ("user",), "items": ("item",), "interactions": ("user", "item")
}  # fmt: skip
_REQUIRED: Final = {**IDS, "interactions": ("user", "item", "kind", "timestamp")}
_KEYS: Final = (
    "name", "file", "sql", "format", "separator", "header", "encoding", "columns", "constants", "kinds",
    "separators", "attributes", "timezone", "time_format", "decimal", "keys", "where", "where_not", "join",
    "trim",
)  # fmt: skip
_SIZE_CAP_BYTES: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Block:
    """Some rows of one shape and the canonical table that they belong to.

    Parameters
    ----------
    name : str
        What it is called in reports; distinct within the mapping.
    table : str
        users, items or interactions.
    origin : Files or Query
        Files within the folder of the data, or a table or query of a database.
    columns : mapping of str to sequence of str
        Canonical column or declared attribute to the file's columns; several only for `category`.
    constants : mapping of str to str
        Canonical columns that are the same in every row.
    kinds : mapping of str to str
        What stands in the file to a canonical kind of event, or to "return" or "cancellation", which
        cleaning nets with purchases.
    separators : mapping of str to str
        What stands between the words of a list column. Without one, `ingredients` and `avoids` are read
        like a label and `functions` and `concerns` are split at commas.
    attributes : mapping of str to str
        Further columns to keep: "label" or "number"; of interactions only labels, stated by the user; of
        items also "size", which becomes NAME_ml and NAME_g.
    timezone : str or None
        Zone of times that carry none; such times are refused without it.
    time_formats : sequence of str
        ISO8601, unix_s, unix_ms, or strptime patterns; the first that a cell fits reads it.
    decimal : str or None
        "," or ".": what settles a number such as "1,234", which says nothing itself.
    keys : mapping of str to KeyMap
        Ids of this block to the ids of the others.
    where, where_not : mapping of str to sequence of str
        Columns of the file to values: rows that are kept, rows that are left out.
    join : bool
        Whether the rows only add to users or items that another block names.
    trim : bool
        Whether blanks at both ends of every cell are taken off, of ids too.
    """

    name: str
    table: str
    origin: Files | Query
    columns: Mapping[str, Sequence[str]]
    constants: Mapping[str, str]
    kinds: Mapping[str, str]
    separators: Mapping[str, str]
    attributes: Mapping[str, str]
    timezone: str | None
    time_formats: Sequence[str]
    decimal: str | None
    keys: Mapping[str, KeyMap]
    where: Mapping[str, Sequence[str]]
    where_not: Mapping[str, Sequence[str]]
    join: bool
    trim: bool

    @property
    def roles(self) -> Mapping[str, str]:
        """What each canonical column and declared attribute holds."""
        return {**ROLES[self.table], **self.attributes}

    @property
    def sources(self) -> Sequence[str]:
        """Columns of the file that are read, each once."""
        mapped = [source for sources in self.columns.values() for source in sources]
        return list(dict.fromkeys([*mapped, *self.where, *self.where_not]))


def read_mapping(path: Path) -> list[Block]:
    """The blocks of a mapping file, checked.

    Raises
    ------
    ConfigurationError
        If the file cannot be read, or says something that has no meaning.
    """
    try:
        if path.stat().st_size > _SIZE_CAP_BYTES:
            raise ConfigurationError(f"{path} must be a mapping of at most {_SIZE_CAP_BYTES} bytes.")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValueError, yaml.YAMLError, RecursionError) as error:
        if isinstance(error, ConfigurationError):
            raise
        text = " ".join(str(error).split())
        raise ConfigurationError(f"{path} must be a mapping in YAML. Reading it failed: {text}.") from error
    return blocks_of(content, path.name)


def blocks_of(content: object, where: str) -> list[Block]:
    """The blocks of a mapping as YAML holds it; `where` is what errors call it.

    Raises
    ------
    ConfigurationError
        If it says something that has no meaning.
    """
    tables = mapping_of(content, where)
    known(tables, (*ROLES, "timezone"), where)
    for table in ("items", "interactions"):
        if table not in tables:
            raise ConfigurationError(f"{where} must describe {table}. It describes {', '.join(tables)}.")
    blocks: list[Block] = []
    for table in (name for name in ROLES if name in tables):
        listed = tables[table] if isinstance(tables[table], list) else [tables[table]]
        blocks += [_block(entry, table, tables.get("timezone"), f"{where}: {table}") for entry in listed]
        if all(block.join for block in blocks if block.table == table):
            raise ConfigurationError(f"{where}: {table} must have a block without `join`. All of them join.")
    return _distinct(blocks)


def _distinct(blocks: Sequence[Block]) -> list[Block]:
    """Blocks whose names differ: the second of a name is "… (2)"."""
    counts: dict[str, int] = {}
    named = []
    for block in blocks:
        counts[block.name] = counts.get(block.name, 0) + 1
        more = f" ({counts[block.name]})" if counts[block.name] > 1 else ""
        named.append(Block(**{**vars(block), "name": block.name + more}))
    return named


def _block(content: Any, table: str, timezone: object, where: str) -> Block:
    content = mapping_of(content, where)
    known(content, _KEYS, where)
    attributes = _attributes(content, table, where)
    columns, constants = _columns(content, table, attributes, where)
    kinds = texts_of(content.get("kinds", {}), f"{where}.kinds")
    known(dict.fromkeys(kinds.values()), (*KINDS, *TRANSITIONAL_KINDS), f"{where}.kinds")
    join, trim = (content.get(name, False) for name in ("join", "trim"))
    if not isinstance(join, bool) or (join and table == "interactions"):
        raise ConfigurationError(f"{where}.join must be true or false, and of users or items. Got {join!r}.")
    if not isinstance(trim, bool):
        raise ConfigurationError(f"{where}.trim must be true or false. Got {trim!r}.")
    decimal = content.get("decimal")
    if decimal not in (None, ",", "."):
        raise ConfigurationError(f'{where}.decimal must be "," or ".", in quotes. Got {decimal!r}.')
    origin = origin_of(content, where)
    return Block(
        name=f"{table}: {content.get('name', origin.label)}",
        table=table,
        origin=origin,
        columns=columns,
        constants=constants,
        kinds=kinds,
        separators=texts_of(content.get("separators", {}), f"{where}.separators"),
        attributes=attributes,
        timezone=zone_of(content.get("timezone", timezone), where),
        time_formats=names_of(content.get("time_format", "ISO8601"), f"{where}.time_format"),
        decimal=decimal,
        keys=key_maps(content.get("keys", {}), IDS[table], f"{where}.keys"),
        where=choices(content.get("where", {}), f"{where}.where"),
        where_not=choices(content.get("where_not", {}), f"{where}.where_not"),
        join=join,
        trim=trim,
    )


def _attributes(content: Mapping[str, Any], table: str, where: str) -> dict[str, str]:
    attributes = texts_of(content.get("attributes", {}), f"{where}.attributes")
    for name, kind in attributes.items():
        if kind not in ATTRIBUTES[table] or name in ROLES[table]:
            raise ConfigurationError(
                f"{where}.attributes: {name} must be a new name for a {' or '.join(ATTRIBUTES[table])}. "
                f"Got {kind!r}."
            )
    return attributes


def _columns(
    content: Mapping[str, Any], table: str, attributes: Mapping[str, str], where: str
) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Columns and constants, the required ones among them."""
    given = mapping_of(content.get("columns", {}), f"{where}.columns")
    columns = {name: names_of(value, f"{where}.columns.{name}") for name, value in given.items()}
    columns = {**{name: [name] for name in attributes}, **columns}
    stated = mapping_of(content.get("constants", {}), f"{where}.constants")
    constants = {name: str(value) for name, value in stated.items()}
    known({**columns, **constants}, (*ROLES[table], *attributes), f"{where}.columns")
    for name in _REQUIRED[table]:
        if name not in columns and name not in constants:
            raise ConfigurationError(f"{where} must say which column is {name}: columns.{name}.")
    several = [name for name, sources in columns.items() if len(sources) > 1 and name != "category"]
    if several:
        raise ConfigurationError(
            f"{where}.columns.{several[0]} must be one column; only category may be several."
        )
    return columns, constants
