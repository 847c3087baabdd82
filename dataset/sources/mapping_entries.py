"""The entries of a mapping's blocks: where rows come from, which are picked, how ids are translated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final
from zoneinfo import ZoneInfo

from dataset.errors import ConfigurationError
from dataset.reading.byte_blocks import encoding_named
from dataset.reading.connection_strings import variable_named

FORMATS: Final = ("csv", "jsonl", "parquet")
UNMAPPED: Final = ("keep", "quarantine")
_SQL_KEYS: Final = ("url", "table", "query", "watermark")
_MAP_KEYS: Final = ("file", "from", "to", "unmapped", "separator", "encoding")


@dataclass(frozen=True, kw_only=True)
class Files:
    """Files within the folder of the data.

    Parameters
    ----------
    pattern : str
        A name, a pattern, or a folder.
    format : str or None
        csv, jsonl or parquet; None: by the ending, CSV if it says nothing.
    separator : str
        Of CSV; one character.
    header : tuple of str or None
        Names of the columns of CSV files that have no header.
    encoding : str
        Of CSV and JSON lines.
    """

    pattern: str
    format: str | None = None
    separator: str = ","
    header: tuple[str, ...] | None = None
    encoding: str = "utf-8"

    @property
    def label(self) -> str:
        """What it is called in a report."""
        return self.pattern


@dataclass(frozen=True, kw_only=True)
class Query:
    """Rows of a database; see `SqlRows`."""

    url: str
    table: str | None
    query: str | None
    watermark: str | None

    @property
    def label(self) -> str:
        """What it is called in a report."""
        return self.table or "a query"


@dataclass(frozen=True, kw_only=True)
class KeyMap:
    """A CSV file that translates ids.

    Parameters
    ----------
    file : Files
    source, target : str
        Columns: the id in this block, the id in the others.
    quarantine : bool
        Whether rows whose id is not in the file are quarantined; otherwise they keep their id.
    """

    file: Files
    source: str
    target: str
    quarantine: bool


def origin_of(content: Mapping[str, Any], where: str) -> Files | Query:
    """Where the rows of a block come from.

    Raises
    ------
    ConfigurationError
        If it is neither a file of the folder nor a table or query.
    """
    if ("sql" in content) == ("file" in content):
        if "sql" in content:
            raise ConfigurationError(f"{where} must have a file or sql. It has both.")
        raise ConfigurationError(f"{where}.file must name a file, or sql a table. Got neither.")
    if "file" in content:
        return _files(content, where)
    for name in ("format", "separator", "header", "encoding"):
        if name in content:
            raise ConfigurationError(f"{where}.{name} must go with a file. The block reads a database.")
    entry = mapping_of(content["sql"], f"{where}.sql")
    known(entry, _SQL_KEYS, f"{where}.sql")
    texts = {name: _text(entry.get(name), f"{where}.sql.{name}") for name in _SQL_KEYS[1:]}
    if (texts["table"] is None) == (texts["query"] is None):
        raise ConfigurationError(f"{where}.sql must have either a table or a query.")
    return Query(url=variable_named(entry.get("url"), f"{where}.sql"), **texts)


def key_maps(value: object, ids: Sequence[str], where: str) -> dict[str, KeyMap]:
    """Key maps by the canonical id that they translate."""
    maps = {}
    for name, entry in mapping_of(value, where).items():
        known({name: entry}, ids, where)
        at = f"{where}.{name}"
        content = mapping_of(entry, at)
        known(content, _MAP_KEYS, at)
        unmapped = content.get("unmapped", "keep")
        if unmapped not in UNMAPPED:
            raise ConfigurationError(f"{at}.unmapped must be {' or '.join(UNMAPPED)}. Got {unmapped!r}.")
        ends = [names_of(content.get(side), f"{at}.{side}") for side in ("from", "to")]
        if any(len(end) > 1 for end in ends):
            raise ConfigurationError(f"{at} must translate one column to one.")
        maps[name] = KeyMap(
            file=_files({"format": "csv", **content}, at),
            source=ends[0][0],
            target=ends[1][0],
            quarantine=unmapped == "quarantine",
        )
    return maps


def choices(value: object, where: str) -> dict[str, list[str]]:
    """Columns to the values that pick rows, as text."""
    picked = {}
    for name, listed in mapping_of(value, where).items():
        values = listed if isinstance(listed, list) else [listed]
        if not values or any(isinstance(one, bool) or not isinstance(one, str | int) for one in values):
            raise ConfigurationError(
                f"{where}.{name} must list values, in quotes if need be. Got {listed!r}."
            )
        picked[name] = [str(one) for one in values]
    return picked


def mapping_of(value: object, where: str) -> dict[str, Any]:
    """`value` as a mapping from names; `ConfigurationError` if it is none."""
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise ConfigurationError(f"{where} must be a mapping from names to values. Got {value!r}.")
    return value


def texts_of(value: object, where: str) -> dict[str, str]:
    """Both sides as text: `1: purchase` in YAML means the "1" of the file."""
    if not isinstance(value, dict):
        raise ConfigurationError(f"{where} must be a mapping from names to values. Got {value!r}.")
    return {str(key): str(text) for key, text in value.items()}


def names_of(value: object, where: str) -> list[str]:
    """One name or several; `ConfigurationError` if there is none."""
    listed = value if isinstance(value, list) else [value]
    names = [name for name in listed if isinstance(name, str) and name]
    if not names or len(names) < len(listed):
        raise ConfigurationError(f"{where} must name a column, in quotes if need be. Got {value!r}.")
    return names


def known(given: Mapping[str, object], names: Sequence[str], where: str) -> None:
    """Raise `ConfigurationError` unless every key is one of `names`."""
    unknown = [name for name in given if name not in names]
    if unknown:
        raise ConfigurationError(f"{where} must be of {', '.join(names)}. Got {unknown[0]!r}.")


def zone_of(name: object, where: str) -> str | None:
    """The zone of that name; None for None."""
    if name is None:
        return None
    try:
        return ZoneInfo(str(name)).key
    except (OSError, ValueError, LookupError) as error:
        raise ConfigurationError(
            f"{where}: timezone must be a name such as Europe/Paris or UTC. Got {name!r}."
        ) from error


def _files(content: Mapping[str, Any], where: str) -> Files:
    separator = content.get("separator", ",")
    if (
        not isinstance(separator, str)
        or len(separator) != 1
        or separator in '"\n\r'
        or not separator.isascii()
    ):
        raise ConfigurationError(f'{where}.separator must be one character such as ";". Got {separator!r}.')
    layout = content.get("format")
    if layout is not None and layout not in FORMATS:
        raise ConfigurationError(f"{where}.format must be one of {', '.join(FORMATS)}. Got {layout!r}.")
    header = content.get("header")
    return Files(
        pattern=_inside(content.get("file"), where),
        format=layout,
        separator=separator,
        header=None if header is None else tuple(names_of(header, f"{where}.header")),
        encoding=encoding_named(str(content.get("encoding", "utf-8")), where),
    )


def _inside(file: object, where: str) -> str:
    if not isinstance(file, str) or not file or "\0" in file:
        raise ConfigurationError(f"{where}.file must name a file. Got {file!r}.")
    parts = PurePosixPath(file.replace("\\", "/"))
    outside = parts.is_absolute() or ".." in parts.parts or file.startswith("~")
    if outside or not parts.parts or ":" in parts.parts[0]:
        raise ConfigurationError(f"{where}.file must lie within the folder of the data. Got {file!r}.")
    return file


def _text(value: object, where: str) -> str | None:
    if value is not None and (not isinstance(value, str) or not value.strip() or "\0" in value):
        raise ConfigurationError(f"{where} must be text. Got {value!r}.")
    return value
