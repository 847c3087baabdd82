"""An interaction table that is a folder of parts, brought into parts by user."""

import shutil
import uuid
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dataset.errors import ConfigurationError, DataContractError

USER: Final = "user"
_PART: Final = "_part"


def shuffled_by_user(folder: Path, out: Path, n_parts: int) -> None:
    """Write the rows of a folder of Parquet parts into `n_parts` parts, all rows of a user in one of them.

    The shuffle is `dask.dataframe`'s: on the cluster that is connected, or on threads of this process, with
    what does not fit into memory on disk. Which part a user is in hangs on a hash of the id, and rows are
    sorted within a part, so the parts hold the same for any order of the rows and any cutting of the input.

    Parameters
    ----------
    folder : Path
        Of Parquet files with equal columns, `user` among them, a string.
    out : Path
        Made; `part-00000.parquet` and so on.
    n_parts : int
        At least 1. Set by the data, so that a part fits into memory several times.

    Raises
    ------
    ConfigurationError
        If dask is not installed.
    DataContractError
        If there is no part, or none with users.
    """
    try:
        import dask.dataframe as dd
    except ImportError as error:
        raise ConfigurationError(
            "Shuffling a folder of parts needs the package dask, which is not installed: "
            "pip install 'glowrank[dask]'."
        ) from error
    paths = sorted(folder.glob("*.parquet"))
    if n_parts < 1 or not paths:
        raise DataContractError(
            f"{folder} must hold Parquet parts, to be made at least one. Got {len(paths)}."
        )
    schema = pq.read_schema(paths[0]).remove_metadata()
    others = [path.name for path in paths if not pq.read_schema(path).remove_metadata().equals(schema)]
    if USER not in schema.names or others:
        found = f"other columns in {others[0]}" if others else ", ".join(schema.names)
        raise DataContractError(f"{folder} must hold parts of equal columns, {USER} among them. Got {found}.")
    temporary = out.with_name(f".{out.name}.{uuid.uuid4().hex}")
    temporary.mkdir(parents=True)
    try:
        table = dd.read_parquet([str(path) for path in paths])
        numbered = table.map_partitions(_numbered, n_parts)
        moved = numbered.shuffle(_PART, npartitions=n_parts)
        moved.map_partitions(_write, schema, str(temporary), meta=(None, "int64")).compute()
        for number in range(n_parts):
            path = temporary / _name(number)
            if not path.exists():  # a part that no user fell into
                pq.write_table(schema.empty_table(), path, compression="zstd")
        temporary.replace(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _numbered(table: pd.DataFrame, n_parts: int) -> pd.DataFrame:
    """The rows with the number of their part, from a hash of the user alone."""
    text = table[USER].astype("object")
    part = pd.util.hash_array(text.to_numpy(), categorize=False) % np.uint64(n_parts)
    return table.assign(**{_PART: part.astype(np.int64)})


def _write(table: pd.DataFrame, schema: pa.Schema, out: str) -> pd.Series:
    """Write the parts that a partition holds, each whole; how many rows."""
    for number in np.unique(table[_PART].to_numpy()).tolist():
        rows = table[table[_PART] == number]
        columns = [USER, *(name for name in schema.names if name != USER)]
        rows = rows.sort_values(columns, kind="stable")[schema.names]
        written = pa.Table.from_pandas(rows, schema=schema, preserve_index=False).replace_schema_metadata()
        pq.write_table(written, Path(out) / _name(number), compression="zstd")
    return pd.Series([len(table)])


def _name(number: int) -> str:
    return f"part-{number:05d}.parquet"
