"""Prepared tables as they lay on disk before events came in parts."""

import json
from pathlib import Path

import pyarrow.parquet as pq

from dataset.canonical import Tables, no_rejects
from dataset.persistence import Saved
from dataset.storage import ORACLE, REPORT, arrow_table, checksums


def write_older(tables: Tables, folder: Path) -> None:
    """Three tables, a quarantine without rows, and a report, in a folder that is made."""
    folder.mkdir(parents=True)
    frames = {name: getattr(tables, name) for name in ("users", "items", "interactions")}
    for name, frame in {**frames, "quarantine": no_rejects()}.items():
        pq.write_table(arrow_table(frame), folder / f"{name}.parquet", compression="zstd")
    if isinstance(tables.oracle, Saved):
        tables.oracle.save(folder / ORACLE)
    report = {"tables": {}, "stated": list(tables.stated), "files": checksums(folder)}
    (folder / REPORT).write_text(json.dumps(report), encoding="utf-8")
