"""The YAML file that says which columns of a customer's files are which canonical ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final
from zoneinfo import ZoneInfo

import yaml  # type: ignore[import-untyped,unused-ignore]

from dataset.errors import ConfigurationError
from dataset.interactions import KINDS

ROLES: Final[Mapping[str, Mapping[str, str]]] = {
    "users": {
        "user": "id", "age": "number", "region": "label", "skin_type": "label", "skin_tone": "label",
        "concerns": "words", "avoids": "names",
    },
    "items": {
        "item": "id", "name": "label", "brand": "label", "category": "path", "price": "number",
        "ingredients": "names", "functions": "words", "in_stock": "flag", "launched_at": "moment",
    },
    "interactions": {
        "user": "id", "item": "id", "kind": "kind", "value": "number", "quantity": "number",
        "timestamp": "moment",
    },
}  # fmt: skip
_REQUIRED: Final = {
    "users": ("user",),
    "items": ("item",),
    "interactions": ("user", "item", "kind", "timestamp"),
}
_KEYS: Final = (
    "file", "columns", "constants", "kinds", "separators", "attributes", "timezone", "time_format"
)  # fmt: skip
_SIZE_CAP_BYTES: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Block:
    """Some files of one shape and the canonical table that they belong to.

    Parameters
    ----------
    table : str
        users, items or interactions.
    file : str
        Name or pattern within the folder of the data; CSV, or Parquet by its ending.
    columns : mapping of str to sequence of str
        Canonical column or declared attribute to the file's columns; several only for `category`.
    constants : mapping of str to str
        Canonical columns that are the same in every row.
    kinds : mapping of str to str
        What stands in the file to a canonical kind of event.
    separators : mapping of str to str
        What stands between the words of a list column. Without one, `ingredients` and `avoids` are read
        like a label and `functions` and `concerns` are split at commas.
    attributes : mapping of str to str
        Further columns to keep: "label" or "number"; of interactions only labels, stated by the user.
    timezone : str or None
        Zone of times that carry none; such times are refused without it.
    time_format : str
        ISO8601, unix_s, unix_ms, or a strptime pattern.
    """

    table: str
    file: str
    columns: Mapping[str, Sequence[str]]
    constants: Mapping[str, str]
    kinds: Mapping[str, str]
    separators: Mapping[str, str]
    attributes: Mapping[str, str]
    timezone: str | None
    time_format: str

    @property
    def roles(self) -> Mapping[str, str]:
        """What each canonical column and declared attribute holds."""
        return {**ROLES[self.table], **self.attributes}


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
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        text = " ".join(str(error).split())
        raise ConfigurationError(f"{path} must be a mapping in YAML. Reading it failed: {text}.") from error
    where = path.name
    content = _mapping(content, where)
    _known(content, (*ROLES, "timezone"), where)
    for table in ("items", "interactions"):
        if table not in content:
            raise ConfigurationError(f"{where} must describe {table}. It describes {', '.join(content)}.")
    blocks = []
    for table in (name for name in ROLES if name in content):
        listed = content[table] if isinstance(content[table], list) else [content[table]]
        blocks += [_block(entry, table, content.get("timezone"), f"{where}: {table}") for entry in listed]
    return blocks


def _block(content: Any, table: str, timezone: object, where: str) -> Block:
    content = _mapping(content, where)
    _known(content, _KEYS, where)
    attributes = _texts(content.get("attributes", {}), f"{where}.attributes")
    allowed = ("label",) if table == "interactions" else ("label", "number")
    for name, kind in attributes.items():
        if kind not in allowed or name in ROLES[table]:
            raise ConfigurationError(
                f"{where}.attributes: {name} must be a new name for a {' or '.join(allowed)}. Got {kind!r}."
            )
    columns = {name: _names(value, f"{where}.columns.{name}") for name, value in
               _mapping(content.get("columns", {}), f"{where}.columns").items()}  # fmt: skip
    columns = {**{name: [name] for name in attributes}, **columns}
    constants = {name: str(value) for name, value in
                 _mapping(content.get("constants", {}), f"{where}.constants").items()}  # fmt: skip
    _known({**columns, **constants}, (*ROLES[table], *attributes), f"{where}.columns")
    for name in _REQUIRED[table]:
        if name not in columns and name not in constants:
            raise ConfigurationError(f"{where} must say which column is {name}: columns.{name}.")
    several = [name for name, sources in columns.items() if len(sources) > 1 and name != "category"]
    if several:
        raise ConfigurationError(
            f"{where}.columns.{several[0]} must be one column; only category may be several."
        )
    kinds = _texts(content.get("kinds", {}), f"{where}.kinds")
    _known(dict.fromkeys(kinds.values()), KINDS, f"{where}.kinds")
    return Block(
        table=table,
        file=_inside(content.get("file"), where),
        columns=columns,
        constants=constants,
        kinds=kinds,
        separators=_texts(content.get("separators", {}), f"{where}.separators"),
        attributes=attributes,
        timezone=_zone(content.get("timezone", timezone), where),
        time_format=str(content.get("time_format", "ISO8601")),
    )


def _mapping(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ConfigurationError(f"{where} must be a mapping from names to values. Got {value!r}.")
    return value


def _texts(value: object, where: str) -> dict[str, str]:
    """Both sides as text: `1: purchase` in YAML means the "1" of the file."""
    if not isinstance(value, dict):
        raise ConfigurationError(f"{where} must be a mapping from names to values. Got {value!r}.")
    return {str(key): str(text) for key, text in value.items()}


def _names(value: object, where: str) -> list[str]:
    listed = value if isinstance(value, list) else [value]
    names = [name for name in listed if isinstance(name, str) and name]
    if not names or len(names) < len(listed):
        raise ConfigurationError(f"{where} must name a column, in quotes if need be. Got {value!r}.")
    return names


def _known(given: Mapping[str, object], known: Sequence[str], where: str) -> None:
    unknown = [name for name in given if name not in known]
    if unknown:
        raise ConfigurationError(f"{where} must be of {', '.join(known)}. Got {unknown[0]!r}.")


def _inside(file: object, where: str) -> str:
    if not isinstance(file, str) or not file or "\0" in file:
        raise ConfigurationError(f"{where}.file must name a file. Got {file!r}.")
    parts = PurePosixPath(file.replace("\\", "/"))
    if parts.is_absolute() or ".." in parts.parts or file.startswith("~") or ":" in parts.parts[0]:
        raise ConfigurationError(f"{where}.file must lie within the folder of the data. Got {file!r}.")
    return file


def _zone(name: object, where: str) -> str | None:
    if name is None:
        return None
    try:
        return ZoneInfo(str(name)).key
    except (OSError, ValueError, LookupError) as error:
        raise ConfigurationError(
            f"{where}: timezone must be a name such as Europe/Paris or UTC. Got {name!r}."
        ) from error
