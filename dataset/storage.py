"""Canonical tables on disk: a folder of Parquet files and a report, byte-equal for equal tables."""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from dataset.canonical import Tables
from dataset.cleaning import NAMES, Quarantine
from dataset.contracts import LISTS
from dataset.errors import ArtefactError
from dataset.persistence import Saved, load

_REPORT: Final = "report.json"
_ORACLE: Final = "oracle"


def write_tables(tables: Tables, quarantine: Quarantine, folder: Path) -> None:
    """Write clean tables and what cleaning took out.

    Parameters
    ----------
    tables : Tables
    quarantine : Quarantine
        From the same call of `clean`.
    folder : Path
        Made if need be, its old tables replaced: `users.parquet`, `items.parquet`,
        `interactions.parquet`, `quarantine.parquet`, `oracle/` if there is one that can be saved, and
        last `report.json` with counts and checksums; without it nothing counts as written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _REPORT).unlink(missing_ok=True)
    shutil.rmtree(folder / _ORACLE, ignore_errors=True)
    for name in NAMES:
        _write_frame(getattr(tables, name), folder / f"{name}.parquet")
    _write_frame(quarantine.rows, folder / "quarantine.parquet")
    if isinstance(tables.oracle, Saved):
        tables.oracle.save(folder / _ORACLE)
    report = {**quarantine.report(), "stated": list(tables.stated), "files": _checksums(folder)}
    text = json.dumps(report, indent=1, ensure_ascii=False, sort_keys=True)
    _replace(folder / _REPORT, text.encode())


def read_tables(folder: Path) -> Tables:
    """Read what `write_tables` wrote.

    Raises
    ------
    ArtefactError
        If a file is missing, or is not the one that was written.
    """
    report = read_report(folder)
    stored = report.get("files")
    found = _checksums(folder)
    if not isinstance(stored, dict) or stored != found:
        stored = stored if isinstance(stored, dict) else {}
        wrong = sorted(name for name in {*stored, *found} if stored.get(name) != found.get(name))
        raise ArtefactError(
            f"{folder} must hold the tables as they were written. Differing: {', '.join(wrong) or _REPORT}. "
            "Prepare the data again."
        )
    has_oracle = (folder / _ORACLE).is_dir()
    return Tables(
        **{name: _read_frame(folder / f"{name}.parquet") for name in NAMES},
        stated=tuple(report["stated"]),
        oracle=load(folder / _ORACLE) if has_oracle else None,
    )


def read_report(folder: Path) -> Mapping[str, Any]:
    """Counts of rows in, added, kept, quarantined and merged, reasons, and checksums.

    Raises
    ------
    ArtefactError
        If there is none: the tables were never written to the end.
    """
    try:
        report = json.loads((folder / _REPORT).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtefactError(
            f"{folder} must hold complete tables with {_REPORT}. Got: {error}. Prepare the data again."
        ) from error
    if not isinstance(report, dict) or "stated" not in report:
        raise ArtefactError(f"{folder / _REPORT} must be a report of prepared tables. Got something else.")
    return report


def _write_frame(frame: pd.DataFrame, path: Path) -> None:
    lists = pa.list_(pa.string())
    arrays = {
        str(name): pa.array(cells.tolist(), lists) if name in LISTS else pa.array(cells, from_pandas=True)
        for name, cells in frame.items()
    }
    temporary = path.with_name(path.name + ".part")
    pq.write_table(pa.table(arrays), temporary, compression="zstd")
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(path)


def _read_frame(path: Path) -> pd.DataFrame:
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ArtefactError(f"{path} must be a Parquet file. Reading it failed: {error}.") from error
    lists = [name for name in table.column_names if name in LISTS]
    frame: pd.DataFrame = table.drop_columns(lists).to_pandas()
    for name in lists:
        frame[name] = pd.Series(table.column(name).to_pylist(), index=frame.index, dtype=object)
    return frame.reindex(columns=table.column_names)


def _checksums(folder: Path) -> dict[str, str]:
    """sha256 of every table and of the oracle's files, by path within the folder."""
    paths = [*folder.glob("*.parquet"), *(folder / _ORACLE).rglob("*")]
    return {path.relative_to(folder).as_posix(): _sha256(path) for path in sorted(paths) if path.is_file()}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(path.name + ".part")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
