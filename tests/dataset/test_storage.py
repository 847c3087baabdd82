"""Canonical tables on disk."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from dataset.canonical import Tables
from dataset.cleaning import NAMES, Quarantine, clean
from dataset.encoding import encode
from dataset.errors import ArtefactError
from dataset.sources.files import rejects
from dataset.sources.tables import TableFiles
from dataset.storage import read_report, read_tables, write_tables

_EXAMPLE = Path(__file__).parents[2] / "docs/examples"


@pytest.fixture(scope="module")
def cleaned() -> tuple[Tables, Quarantine]:
    raw = TableFiles(path=str(_EXAMPLE), mapping=str(_EXAMPLE / "tables.yaml")).read()
    strange = raw.interactions.iloc[:1].assign(item=pd.Series(["gone\x00\n🧴é"], dtype="str"))
    raw = replace(raw, interactions=pd.concat([raw.interactions, strange], ignore_index=True))
    return clean(raw)


def test_tables_come_back_as_they_were(cleaned: tuple[Tables, Quarantine], tmp_path: Path) -> None:
    write_tables(*cleaned, tmp_path)
    back = read_tables(tmp_path)
    for name in NAMES:
        pd.testing.assert_frame_equal(getattr(back, name), getattr(cleaned[0], name))
    assert back.stated == tuple(cleaned[0].stated)
    assert encode(back, "x").digest == encode(cleaned[0], "x").digest
    assert pq.read_table(tmp_path / "quarantine.parquet").to_pydict()["reason"] == ["unknown item"]
    counts = read_report(tmp_path)["tables"]["interactions"]
    assert counts == {"in": 31, "added": 0, "kept": 29, "quarantined": 1, "merged": 1, "cells": 0}


def test_equal_tables_give_equal_bytes(cleaned: tuple[Tables, Quarantine], tmp_path: Path) -> None:
    for name in ("one", "two", "two"):  # the second writing of "two" replaces the first
        write_tables(*cleaned, tmp_path / name)
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two
    assert sorted(one) == [
        "interactions.parquet", "items.parquet", "quarantine.parquet", "report.json", "users.parquet"
    ]  # fmt: skip


def test_changed_missing_or_unfinished_tables_are_refused(
    cleaned: tuple[Tables, Quarantine], tmp_path: Path
) -> None:
    write_tables(*cleaned, tmp_path)
    path = tmp_path / "items.parquet"
    content = path.read_bytes()
    path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
    with pytest.raises(ArtefactError, match=r"Differing: items\.parquet"):
        read_tables(tmp_path)
    path.unlink()
    with pytest.raises(ArtefactError, match=r"items\.parquet"):
        read_tables(tmp_path)
    (tmp_path / "report.json").unlink()
    with pytest.raises(ArtefactError, match="Prepare the data again"):
        read_tables(tmp_path)


def test_no_rows_at_all(cleaned: tuple[Tables, Quarantine], tmp_path: Path) -> None:
    tables, quarantine = cleaned
    bare = replace(tables, users=tables.users.iloc[:0], interactions=tables.interactions.iloc[:0])
    write_tables(bare, quarantine, tmp_path)
    back = read_tables(tmp_path)
    assert len(back.users) == len(back.interactions) == 0
    assert back.interactions.dtypes.to_dict() == bare.interactions.dtypes.to_dict()


def test_rejects_are_strict_json() -> None:
    rows = pd.DataFrame({"a": [np.inf], "b": [np.nan], "c": [pd.NaT], "d": [["x"]], "e": [np.int64(3)]})
    assert rejects("items", "row", "why", rows)["row"].tolist() == [
        '{"a": "inf", "b": null, "c": null, "d": ["x"], "e": 3}'
    ]
