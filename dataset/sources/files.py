"""Files of text as frames of strings: nothing guessed, nothing lost, one sentence on failure."""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from dataset.errors import DataContractError


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


def read_csv(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> pd.DataFrame:
    """The columns named, every cell a string as it stands in the file; "" where empty.

    Raises
    ------
    DataContractError
        If the file is no CSV in UTF-8, or a required column is missing.
    """
    wanted = {*required, *optional}
    try:
        found = pd.read_csv(path, nrows=0, dtype="str", encoding="utf-8-sig").columns.tolist()
        require(path, required, found)
        return pd.read_csv(
            path,
            dtype="str",
            usecols=lambda name: name in wanted,
            keep_default_na=False,
            na_filter=False,
            encoding="utf-8-sig",
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        reason = str(error).strip()
        raise DataContractError(f"{path} must be CSV in UTF-8. Reading it failed: {reason}.") from error


def require(path: Path, required: Iterable[str], found: Sequence[str]) -> None:
    """Raise `DataContractError` unless all `required` columns are among those `found`."""
    missing = [name for name in required if name not in found]
    if missing:
        raise DataContractError(
            f"{path.name} must have the column{'s' if len(missing) > 1 else ''} "
            f"{', '.join(missing)}. It has {', '.join(map(str, found))}."
        )


def rejects(table: str, level: str, reason: str, rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` as a frame of rejects (see `Tables.rejected`), each row as JSON."""
    records = rows.to_dict("records")
    texts = [json.dumps({str(k): _plain(v) for k, v in row.items()}, ensure_ascii=False) for row in records]
    columns = {"table": table, "level": level, "reason": reason}
    n = len(rows)
    return pd.DataFrame({**{name: [text] * n for name, text in columns.items()}, "row": texts}, dtype="str")


def _plain(value: object) -> object:
    """`value` as strict JSON knows it: no NaN, no infinity, no NumPy type."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    return None if value is pd.NaT else str(value)
