"""Sequence files: nominal times, attributes, malformed lines."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.cleaning import Cleaning, clean
from dataset.encoding import encode
from dataset.errors import ConfigurationError, DataContractError
from dataset.sources.sequences import Sequences


def _folder(path: Path, text: str, **mappings: object) -> Path:
    (path / "events.txt").write_text(text, encoding="utf-8")
    for name, content in mappings.items():
        (path / f"x_{name}.json").write_text(json.dumps(content))
    return path


def test_last_events_share_a_day(tmp_path: Path) -> None:
    tables = Sequences(path=str(_folder(tmp_path, "u a b c\nv x\n007 b a\n"))).read()
    events = tables.interactions
    assert events["user"].tolist() == ["u", "u", "u", "v", "007", "007"]
    assert events["item"].tolist() == ["a", "b", "c", "x", "b", "a"]
    assert events.groupby("user")["timestamp"].max().nunique() == 1
    assert events["timestamp"].iloc[0] == pd.Timestamp("2000-01-01", tz="UTC")
    assert (events[events["user"] == "u"]["timestamp"].diff().dropna() == pd.Timedelta(days=1)).all()
    assert sorted(tables.items["item"]) == ["a", "b", "c", "x"]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.text("abcé中0-", min_size=1, max_size=3), min_size=1, max_size=6), max_size=8))
def test_every_id_arrives_in_its_order(
    tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]]
) -> None:
    lines = "".join(f"user{at} {' '.join(items)}\r\n\n" for at, items in enumerate(rows))
    folder = _folder(tmp_path_factory.mktemp("sequences"), lines)
    events = Sequences(path=str(folder)).read().interactions
    assert events["item"].tolist() == [item for items in rows for item in items]
    assert events["user"].tolist() == [f"user{at}" for at, items in enumerate(rows) for _ in items]


def test_attributes_become_functions(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "u a b\n", item2attributes={"a": [1, 2, 3], "c": [2]},
                     attribute_names={"1": "Face Care", "2": "Lumi", "3": ""})  # fmt: skip
    items = Sequences(path=str(folder)).read().items.set_index("item")
    assert items.loc["a", "functions"] == ["face care", "lumi", "3"]
    assert items.loc["b", "functions"] == []
    assert items.loc["c", "functions"] == ["lumi"]


def test_malformed_lines_are_rejected_with_their_number(tmp_path: Path) -> None:
    tables = Sequences(path=str(_folder(tmp_path, "u a b\n\nlonely\nv c\nu d\n"))).read()
    assert tables.interactions["item"].tolist() == ["a", "b", "c"]
    rejected = tables.rejected.set_index("reason")["row"].map(json.loads)
    assert rejected["a user without items"]["line"] == 3
    assert rejected["the user has an earlier line"]["line"] == 5
    kept, quarantine = clean(tables, Cleaning.default(max_quarantined_share=0.5))
    assert quarantine.counts["interactions"] == {
        "in": 5, "added": 0, "kept": 3, "quarantined": 2, "merged": 0, "cells": 0
    }  # fmt: skip
    assert len(kept.interactions) == 3


def test_blank_ids_between_separators_are_rejected(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "u;a b;c\nv;;d\n;x\nw;e;\n\nz;f\n")
    tables = Sequences(path=str(folder), separator=";").read()
    assert tables.interactions["item"].tolist() == ["a b", "c", "f"]
    assert [json.loads(row)["line"] for row in tables.rejected["row"]] == [2, 3, 4]


def test_an_empty_file_is_refused_by_cleaning(tmp_path: Path) -> None:
    tables = Sequences(path=str(_folder(tmp_path, "\n\n"))).read()
    assert len(tables.interactions) == 0
    with pytest.raises(DataContractError, match="At least one event"):
        clean(tables)


def test_clear_refusals(tmp_path: Path) -> None:
    with pytest.raises(DataContractError, match="there is none"):
        Sequences(path=str(tmp_path / "absent")).read()
    with pytest.raises(DataContractError, match=r"a file of sequences \(\*\.txt\)"):
        Sequences(path=str(tmp_path)).read()
    (tmp_path / "a.txt").write_bytes(b"u \xff\n")
    with pytest.raises(DataContractError, match="UTF-8"):
        Sequences(path=str(tmp_path)).read()
    (tmp_path / "b.txt").write_text("u a\n")
    with pytest.raises(DataContractError, match="set `events`"):
        Sequences(path=str(tmp_path)).read()
    with pytest.raises(ConfigurationError, match="kind"):
        Sequences(path="x", kind="bought")
    with pytest.raises(ConfigurationError, match="start"):
        Sequences(path="x", start="yesterday")


@pytest.mark.data
@pytest.mark.slow
def test_the_real_benchmark(amazon_beauty: Path) -> None:
    tables, quarantine = clean(Sequences(path=str(amazon_beauty)).read())
    assert not len(quarantine.rows)
    dataset = encode(tables, "amazon_beauty")
    assert (len(dataset.users), len(dataset.items), len(dataset.interactions)) == (22_363, 12_101, 198_502)
    newest = np.zeros(len(dataset.users), np.int64)
    np.maximum.at(newest, dataset.interactions.user, dataset.interactions.time)
    assert len(np.unique(newest)) == 1
