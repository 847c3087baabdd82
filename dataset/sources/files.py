"""Files of text as frames of strings: nothing guessed, nothing lost, one sentence on failure."""

import json
import math
from collections.abc import Callable, Sequence
from json.encoder import encode_basestring
from pathlib import Path
from typing import Final

import pandas as pd

from dataset.errors import DataContractError
from dataset.reading.csv_files import CsvFiles

_quoted: Final[Callable[[str], str]] = encode_basestring


def folder_of(path: str) -> Path:
    """`path` as a folder that exists.

    Raises
    ------
    DataContractError
        If there is no such folder.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise DataContractError(f"The data must lie in the folder {folder}, and there is none. Set `path`.")
    return folder


def files_in(folder: Path, pattern: str, *, what: str) -> list[Path]:
    """Files of `folder` that match `pattern`, by name; at least one.

    Raises
    ------
    DataContractError
        If none matches.
    """
    found = sorted(path for path in folder.glob(pattern) if path.is_file())
    if not found:
        names = ", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "nothing"
        raise DataContractError(f"{folder} must hold {what} ({pattern}). It holds {names}.")
    return found


def read_csv(path: Path, required: Sequence[str]) -> pd.DataFrame:
    """The columns named, every cell a string as it stands in the file; "" where empty.

    Raises
    ------
    DataContractError
        If the file is no CSV in UTF-8, a row is not as long as its header, or a column is missing.
    """
    reader = CsvFiles(files=((path.name, path),), columns=tuple(required))
    chunks = [chunk for piece in reader.pieces() for chunk in reader.chunks(piece)]
    return pd.concat(chunks, ignore_index=True)


def rejects(table: str, level: str, reason: str, rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` as a frame of rejects (see `Tables.rejected`), each row as JSON."""
    cells = [
        [f"{prefix}{cell}" for cell in map(_json, rows.iloc[:, at].tolist())]
        for at, prefix in enumerate(f"{_json(str(name))}: " for name in rows.columns)
    ]
    texts = [f"{{{', '.join(row)}}}" for row in zip(*cells, strict=True)] if cells else ["{}"] * len(rows)
    index = pd.RangeIndex(len(rows))
    said = {"table": table, "level": level, "reason": reason}
    columns = {name: pd.Series(text, index=index, dtype="str") for name, text in said.items()}
    return pd.DataFrame({**columns, "row": pd.Series(texts, index=index, dtype="str")})


def _json(cell: object) -> str:
    return _quoted(cell) if isinstance(cell, str) else json.dumps(_plain(cell), ensure_ascii=False)


def _plain(value: object) -> object:
    """`value` as strict JSON knows it: no NaN, no infinity, no NumPy type."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    return None if value is pd.NaT else str(value)
