"""Canonical tables on disk."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.canonical import Tables
from dataset.cleaning import NAMES, clean
from dataset.encoding import encode
from dataset.errors import ArtefactError
from dataset.sources.files import rejects
from dataset.sources.tables import TableFiles
from dataset.storage import frame_of, open_tables, read_report, read_tables
from pipeline.preparation import prepare
from tests.dataset.older_layout import write_older

_EXAMPLE = Path(__file__).parents[2] / "docs/examples"


@dataclass(frozen=True)
class Stranger:
    """The example, and an event of a product that nobody knows."""

    def inputs(self) -> tuple[Path, ...]:
        """None that would be looked at."""
        return ()

    def read(self) -> Tables:
        """The tables."""
        raw = TableFiles(path=str(_EXAMPLE), mapping=str(_EXAMPLE / "tables.yaml")).read()
        strange = raw.interactions.iloc[:1].assign(item=pd.Series(["gone\x00\n🧴é"], dtype="str"))
        return replace(raw, interactions=pd.concat([raw.interactions, strange], ignore_index=True))


@pytest.fixture(scope="module")
def raw() -> Tables:
    return Stranger().read()


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    prepare(Stranger(), tmp_path / "tables")
    return tmp_path / "tables"


def assert_same_rows(one: pd.DataFrame, other: pd.DataFrame) -> None:
    by = [name for name in ("timestamp", "user", "item", "kind") if name in one]
    pd.testing.assert_frame_equal(
        one.sort_values(by, ignore_index=True), other.sort_values(by, ignore_index=True)
    )


def test_tables_come_back_as_they_were(raw: Tables, prepared: Path) -> None:
    cleaned = clean(raw)[0]
    back = read_tables(prepared)
    for name in NAMES:
        assert_same_rows(getattr(back, name), getattr(cleaned, name))
    assert back.stated == tuple(cleaned.stated)
    assert encode(back, "x").digest == encode(cleaned, "x").digest
    assert encode(open_tables(prepared), "x").digest == encode(cleaned, "x").digest
    taken = pq.read_table(prepared / "quarantine" / "interactions.parquet").to_pydict()
    assert (taken["reason"], taken["stream"]) == (["unknown item"], ["interactions"])
    assert "gone\\u0000\\n🧴é" in taken["row"][0]
    counts = read_report(prepared)["tables"]["interactions"]
    assert counts == {"in": 31, "added": 0, "kept": 29, "quarantined": 1, "merged": 1, "cells": 0}


def test_events_lie_by_month(prepared: Path) -> None:
    found = {path.name: pq.read_table(path).to_pandas() for path in (prepared / "interactions").iterdir()}
    assert len(found) > 1
    for name, part in found.items():
        assert set(part["timestamp"].dt.strftime("part-%Y-%m.parquet")) == {name}
        assert part["timestamp"].is_monotonic_increasing


def test_the_older_layout_is_read(raw: Tables, tmp_path: Path) -> None:
    cleaned = clean(raw)[0]
    write_older(cleaned, tmp_path / "older")
    back = read_tables(tmp_path / "older")
    for name in NAMES:
        pd.testing.assert_frame_equal(getattr(back, name), getattr(cleaned, name))
    assert encode(open_tables(tmp_path / "older"), "x").digest == encode(cleaned, "x").digest


def test_changed_missing_or_unfinished_tables_are_refused(prepared: Path) -> None:
    for path in (prepared / "items.parquet", next((prepared / "interactions").iterdir())):
        content = path.read_bytes()
        path.unlink()  # it may be the same file as one that is remembered
        path.write_bytes(content[:100] + bytes([content[100] ^ 1]) + content[101:])
        with pytest.raises(ArtefactError, match=f"Differing: .*{path.name}"):
            read_tables(prepared)
        path.unlink()
        with pytest.raises(ArtefactError, match=path.name):
            read_tables(prepared)
    (prepared / "report.json").unlink()
    with pytest.raises(ArtefactError, match="Prepare the data again"):
        read_tables(prepared)


def test_a_file_too_many_is_refused(prepared: Path) -> None:
    (prepared / "interactions" / "part-1999-01.parquet").write_bytes(b"")
    with pytest.raises(ArtefactError, match="part-1999-01"):
        open_tables(prepared)


def test_no_rows_at_all(raw: Tables, tmp_path: Path) -> None:
    cleaned = clean(raw)[0]
    bare = replace(cleaned, users=cleaned.users.iloc[:0], interactions=cleaned.interactions.iloc[:0])
    write_older(bare, tmp_path / "bare")
    back = read_tables(tmp_path / "bare")
    assert len(back.users) == len(back.interactions) == 0
    assert back.interactions.dtypes.to_dict() == bare.interactions.dtypes.to_dict()


def test_rejects_are_strict_json() -> None:
    rows = pd.DataFrame({"a": [np.inf], "b": [np.nan], "c": [pd.NaT], "d": [["x"]], "e": [np.int64(3)]})
    assert rejects("items", "row", "why", rows)["row"].tolist() == [
        '{"a": "inf", "b": null, "c": null, "d": ["x"], "e": 3}'
    ]


@settings(max_examples=40, deadline=None)
@given(
    chunks=st.lists(
        st.lists(
            st.none() | st.lists(st.none() | st.sampled_from(["aqua", "zinc", "é"]), max_size=4), max_size=6
        ),
        min_size=1,
        max_size=3,
    ),
    cut=st.integers(0, 5),
)
def test_lists_come_back_with_one_string_a_word(chunks: list[list[Any]], cut: int) -> None:
    kind = pa.list_(pa.string())
    column = pa.chunked_array([pa.array(chunk, kind) for chunk in chunks], kind).slice(cut)
    back = frame_of(pa.table({"ingredients": column}))["ingredients"].tolist()
    assert back == column.to_pylist()
    words = [word for cell in back if cell for word in cell if word is not None]
    assert len({id(word) for word in words}) == len(set(words))
