"""Files of text as frames of strings: nothing guessed, nothing lost, one sentence on failure."""

import json
import math
import warnings
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dataset.errors import DataContractError, ResourceError


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
        If the file is no CSV in UTF-8, a row is longer than its header, or a column is missing.
    """
    try:
        with warnings.catch_warnings():
            # A row that is longer than the header, from an unquoted comma, must not shift or lose cells:
            # pandas refuses it only if all columns are read and none is taken for an index.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(path, dtype="str", index_col=False, na_filter=False, encoding="utf-8-sig")
    except pd.errors.ParserWarning as error:
        raise DataContractError(f"Rows of {path} must be as long as its header. Got longer ones.") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise DataContractError(f"{path} must be CSV in UTF-8. Reading it failed: {reason}.") from error
    require(path, required, table.columns.tolist())
    return table[list(dict.fromkeys(required))]


def read_parquet(path: Path, columns: Sequence[str], as_text: Collection[str]) -> pd.DataFrame:
    """The columns named; those `as_text` as strings, "" where missing, lists as lists, others as stored.

    Raises
    ------
    DataContractError
        If the file is no Parquet, a column is missing, or one `as_text` holds fractions: an id of 123.0
        is no longer the id that it was.
    """
    try:
        require(path, columns, pq.read_schema(path).names)
        table = pq.read_table(path, columns=list(dict.fromkeys(columns)))
    except (pa.ArrowException, OSError) as error:
        raise DataContractError(f"{path} must be Parquet. Reading it failed: {error}.") from error
    frame = {}
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
            frame[name] = pd.Series([cell or [] for cell in column.to_pylist()], dtype=object)
        elif name not in as_text:
            frame[name] = column.to_pandas()
        elif pa.types.is_floating(column.type):
            raise DataContractError(f"Column {name} of {path.name} must be text or whole. Got {column.type}.")
        else:
            frame[name] = column.cast(pa.string()).to_pandas().fillna("").astype("str")
    return pd.DataFrame(frame)


def check_size(path: Path, max_gib: float) -> None:
    """Raise `ResourceError` if a file, or what a Parquet file unpacks to, is larger than `max_gib`."""
    size = path.stat().st_size
    if path.suffix == ".parquet":
        try:
            groups = pq.read_metadata(path)
        except (pa.ArrowException, OSError) as error:
            raise DataContractError(f"{path} must be Parquet. Reading it failed: {error}.") from error
        size = max(size, sum(groups.row_group(at).total_byte_size for at in range(groups.num_row_groups)))
    if size > max_gib * 2**30:
        raise ResourceError(
            f"{path} must be at most {max_gib} GiB. It holds {size / 2**30:.3g}: raise max_gib."
        )


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
