"""What a mapping can say of rows beyond their columns: which, under which ids, joined, from where."""

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.errors import ConfigurationError, DataContractError
from dataset.sources.block_streams import streams_of
from dataset.sources.mapping import blocks_of
from dataset.sources.stream import LEFT_OUT
from dataset.sources.tables import TableFiles
from dataset.sources.whole_tables import UNJOINED

ITEMS: dict[str, Any] = {"file": "items.csv", "columns": {"item": "sku"}}
EVENTS: dict[str, Any] = {
    "file": "events.csv",
    "columns": {"user": "who", "item": "sku", "timestamp": "at"},
    "constants": {"kind": "purchase"},
    "timezone": "UTC",
}


def source(
    folder: Path, files: Mapping[str, str] | None = None, *, items: object = ITEMS, events: object = EVENTS
) -> TableFiles:
    mapping = {"items": items, "interactions": events}
    plain = {"items": "sku\nx\ny\n", "events": "who,sku,at\nu,x,2020-01-01\n"}
    for name, text in {**plain, **(files or {})}.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    (folder / "map.yaml").write_text(yaml.safe_dump(mapping))
    return source_of(folder)


def source_of(folder: Path) -> TableFiles:
    return TableFiles(path=str(folder), mapping=str(folder / "map.yaml"))


def test_rows_that_are_left_out_are_counted(tmp_path):
    events = {**EVENTS, "where": {"status": ["paid", 1]}, "where_not": {"who": "tester"}}
    text = "who,sku,at,status\n"
    text += "u,x,2020-01-01,paid\nv,x,2020-01-02,void\ntester,x,2020-01-03,1\nw,y,2020-01-04,1\n"
    tables = source(tmp_path, {"events": text}, events=events).read()
    assert tables.interactions["user"].tolist() == ["u", "w"]
    assert tables.rejected["reason"].tolist() == [
        f"{LEFT_OUT}status is not paid or 1", f"{LEFT_OUT}who is tester"
    ]  # fmt: skip
    assert set(tables.rejected["level"]) == {"row"}
    assert json.loads(tables.rejected["row"].iloc[0])["who"] == "v"


@pytest.mark.parametrize("unmapped", ["keep", "quarantine"])
def test_ids_are_translated(tmp_path, unmapped):
    keys = {"user": {"file": "cards.csv", "from": "card", "to": "customer", "unmapped": unmapped}}
    files = {
        "cards": "card,customer\n007,00123\n8,u\n8,u\n",
        "events": "who,sku,at\n007,x,2020-01-01\nstranger,x,2020-01-02\n8,y,2020-01-03\n",
    }
    tables_of = source(tmp_path, files, events={**EVENTS, "keys": keys})
    tables = tables_of.read()
    kept = ["00123", "stranger", "u"] if unmapped == "keep" else ["00123", "u"]
    assert tables.interactions["user"].tolist() == kept
    assert tables.rejected["reason"].tolist() == ["user is not in cards.csv"] * (3 - len(kept))
    assert tables_of.inputs()[-1].name == "cards.csv"
    before = tables_of.streams()[-1].key
    (tmp_path / "cards.csv").write_text("card,customer\n007,another\n")
    assert tables_of.streams()[-1].key != before
    (tmp_path / "cards.csv").write_text("card,customer\n007,one\n007,two\n")
    with pytest.raises(
        DataContractError, match=r"cards.csv must translate each card once. Got several for 007"
    ):
        tables_of.read()


def test_rows_not_as_long_as_the_header_are_quarantined_as_they_stand(tmp_path):
    text = "who,sku,at\nu,x,2020-01-01\nv,x\n\u00e9,x,2020-01-02,,\nw,y,2020-01-03\n"
    tables = source(tmp_path, {"events": text}).read()
    assert tables.interactions["user"].tolist() == ["u", "w"]
    assert tables.rejected["reason"].tolist() == ["the row is not as long as the header"] * 2
    assert [json.loads(row)["_unread"] for row in tables.rejected["row"]] == ["v,x", "\u00e9,x,2020-01-02,,"]
    (tmp_path / "events.csv").write_bytes(text.encode("cp1252"))
    with pytest.raises(DataContractError, match="set `encoding`"):
        source_of(tmp_path).read()


def test_too_many_ragged_rows_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("dataset.reading.csv_files._RAGGED_LETTERS", 8)
    with pytest.raises(DataContractError, match="as long as its header"):
        source(tmp_path, {"events": "who,sku,at\n" + "v,x\n" * 3}).read()


@pytest.mark.parametrize("trim", [True, False])
def test_blanks_are_taken_off_where_the_mapping_says_so(tmp_path, trim):
    events = {**EVENTS, "trim": trim, "columns": {**EVENTS["columns"], "kind": "what"}, "constants": {}}
    keys = {"user": {"file": "cards.csv", "from": "card", "to": "customer"}}
    files = {"cards": "card,customer\n7,u\n", "events": "who,sku,at,what\n\u00a07,x ,2020-01-01, like\n"}
    stream = source(tmp_path, files, events={**events, "keys": keys}).streams()[-1]
    mapped = stream.mapped(next(stream.reader.chunks(stream.reader.pieces()[0])))
    found = mapped.frame[["user", "item", "kind"]].iloc[0].tolist()
    assert found == (["u", "x", "like"] if trim else ["\u00a07", "x ", " like"])
    counts = {how: n for how, n in mapped.converted.items() if n and "blanks" in how}
    assert counts == (
        dict.fromkeys((f"{at}: blanks trimmed" for at in ("user", "item", "kind")), 1) if trim else {}
    )


def test_a_block_that_joins_adds_and_names_nobody(tmp_path):
    stock = {"file": "stock.csv", "columns": {"item": "id", "in_stock": "left"}, "join": True}
    joined = source(tmp_path, {"stock": "id,left\nx,no\nz,yes\n"}, items=[stock, ITEMS])
    tables = joined.read()
    assert tables.items["item"].tolist() == ["x", "x", "y"]
    assert tables.items["in_stock"].isna().tolist() == [False, True, True]
    assert tables.rejected["reason"].tolist() == [UNJOINED]
    first, second, _ = joined.streams()
    assert (first.joins, second.joins) == (True, False)
    assert (list(first.gives), list(second.gives)) == (["item", "in_stock"], ["item"])
    with pytest.raises(ConfigurationError, match="a block without `join`"):
        source(tmp_path, items=[stock]).read()


def test_times_of_several_formats(tmp_path):
    events = {**EVENTS, "time_format": ["%d.%m.%Y", "ISO8601", "unix_s"]}
    text = "who,sku,at\n" + "".join(
        f"u,x,{at}\n" for at in ("31.12.2019", "2020-01-01T02:00+02:00", "2020-01-02", "1577836800", "soon")
    )
    stream = source(tmp_path, {"events": text}, events=events).streams()[-1]
    mapped = stream.mapped(next(stream.reader.chunks(stream.reader.pieces()[0])))
    assert [str(at)[:16] for at in mapped.frame["timestamp"]] == [
        "2019-12-31 00:00", "2020-01-01 00:00", "2020-01-02 00:00", "2020-01-01 00:00", "NaT"
    ]  # fmt: skip
    assert mapped.converted == {"timestamp: read as ISO8601": 2, "timestamp: read as unix_s": 1}
    assert mapped.rejected["reason"].tolist() == ["timestamp is not a moment"]


def test_numbers_sizes_and_returns(tmp_path):
    items = {
        **ITEMS, "separator": ";", "columns": {"item": "sku", "price": "p", "size": "s"},
        "attributes": {"size": "size"},
    }  # fmt: skip
    events = {
        **EVENTS,
        "columns": {**EVENTS["columns"], "kind": "k"},
        "constants": {},
        "kinds": {"back": "return"},
    }
    files = {
        "items": "sku;p;s\nx;€ 1.234,50;2 oz / 60 mL\ny;1,234;1 oz\n",
        "events": "who,sku,at,k\nu,x,2020-01-01,back\n",
    }
    made = source(tmp_path, files, items=items, events=events)
    tables = made.read()
    assert tables.items["price"].iloc[0] == 1234.5
    assert tables.items["size_ml"].round(1).tolist() == [60.0, 29.6]
    assert tables.items["size_g"].isna().all()
    assert tables.rejected["reason"].tolist() == ["price is ambiguous, set `decimal`"]
    assert tables.interactions["kind"].tolist() == ["return"]
    stream = made.streams()[0]
    assert list(stream.gives) == ["item", "price", "size_ml", "size_g"]
    mapped = stream.mapped(next(stream.reader.chunks(stream.reader.pieces()[0])))
    assert mapped.converted["price: currency stripped"] == 1
    assert mapped.converted["size_ml: from oz"] == 1
    settled = source(tmp_path, files, items={**items, "decimal": ","}, events=events).read()
    assert settled.items["price"].tolist() == [1234.5, 1.234]


def test_folders_json_lines_and_mixed_formats(tmp_path):
    (tmp_path / "days").mkdir()
    for day in ("1", "2"):
        (tmp_path / "days" / f"{day}.jsonl").write_text(
            json.dumps({"who": "00" + day, "sku": "x", "at": 0}) + "\n"
        )
    made = source(tmp_path, events={**EVENTS, "file": "days", "time_format": "unix_s"})
    assert made.read().interactions["user"].tolist() == ["001", "002"]
    (tmp_path / "days" / "3.csv").write_text("who,sku,at\n")
    with pytest.raises(ConfigurationError, match=r"must be of one format\. They are csv, jsonl"):
        made.read()


def test_a_database_beside_files(tmp_path, monkeypatch):
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE likes (n integer, who text, sku text, at text)")
        connection.execute("INSERT INTO likes VALUES (1, '007', 'x', '2020-01-01')")
    connection.close()
    monkeypatch.setenv("LIKES", f"sqlite:///{tmp_path}/shop.db")
    likes = {
        **EVENTS,
        "sql": {"url": "LIKES", "table": "likes", "watermark": "n"},
        "constants": {"kind": "like"},
    }
    likes.pop("file")
    made = source(tmp_path, events=[EVENTS, likes])
    assert made.read().interactions[["user", "kind"]].to_numpy().tolist() == [
        ["u", "purchase"],
        ["007", "like"],
    ]
    assert [stream.name for stream in made.streams()] == [
        "items: items.csv", "interactions: events.csv", "interactions: likes"
    ]  # fmt: skip
    assert len(made.inputs()) == 3


def test_two_blocks_of_one_file_have_two_names(tmp_path):
    streams = source(tmp_path, events=[EVENTS, EVENTS, {**EVENTS, "timezone": "Asia/Tokyo"}]).streams()
    names = [stream.name for stream in streams]
    assert names[1:] == ["interactions: events.csv" + more for more in ("", " (2)", " (3)")]
    keys = [json.dumps(stream.key) for stream in streams]
    assert keys[1] == keys[2] != keys[3]


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"sql": {"url": "postgresql://u:s3cr3t@h/db", "table": "t"}}, "not shown"),
        ({"sql": {"url": "SHOP", "table": "t", "query": "q"}}, "either a table or a query"),
        ({"sql": {"url": "SHOP"}}, "either a table or a query"),
        ({"sql": {"url": "SHOP", "table": "t"}, "file": "x.csv"}, "It has both"),
        ({}, "Got neither"),
        ({"sql": {"url": "SHOP", "table": "t"}, "separator": ";"}, "must go with a file"),
        ({"file": "x.csv", "separator": "ab"}, "one character"),
        ({"file": "x.csv", "encoding": "klingon"}, "utf-8 or cp1252"),
        ({"file": "x.csv", "format": "xlsx"}, "csv, jsonl, parquet"),
        ({"file": "x.csv", "decimal": "5"}, "in quotes"),
        ({"file": "x.csv", "where": {"a": []}}, "must list values"),
        ({"file": "x.csv", "where": {"a": [True]}}, "in quotes if need be"),
        ({"file": "x.csv", "join": True}, "of users or items"),
        ({"file": "x.csv", "keys": {"user": {"file": "../k.csv", "from": "a", "to": "b"}}}, "lie within"),
        ({"file": "x.csv", "keys": {"user": {"file": "k.csv", "from": "a"}}}, "must name a column"),
        ({"file": "x.csv", "keys": {"kind": {}}}, "Got 'kind'"),
        ({"file": "x.csv", "time_format": []}, "must name"),
        ({"file": "."}, "must lie within"),
    ],
)
def test_entries_without_a_meaning_are_refused(block, message):
    events = {**{name: value for name, value in EVENTS.items() if name != "file"}, **block}
    with pytest.raises(ConfigurationError, match=message) as caught:
        blocks_of({"items": ITEMS, "interactions": events}, "map.yaml")
    assert "s3cr3t" not in str(caught.value)


CELLS = st.sampled_from(
    ["", "x", "€ 5", "1,234", "5.5", "2020-01-01", "31.12.2019", "00123", "no", "2 oz"]
) | st.text(st.characters(exclude_categories=("Cs",)), max_size=6)


@pytest.mark.slow
@settings(max_examples=12)
@given(rows=st.lists(st.lists(CELLS, min_size=5, max_size=5), max_size=7), cut=st.sampled_from([2, 3]))
def test_the_division_into_chunks_changes_nothing(tmp_path_factory, rows, cut):
    columns = {"item": "a", "price": "b", "in_stock": "c", "launched_at": "d", "size": "e", "brand": "b"}
    block = {
        "file": "x.csv", "columns": columns, "attributes": {"size": "size"}, "timezone": "UTC",
        "time_format": ["ISO8601", "%d.%m.%Y"], "where_not": {"c": "no"},
    }  # fmt: skip
    folder = tmp_path_factory.getbasetemp()
    (folder / "x.csv").write_text("a,b,c,d,e\n")
    stream = streams_of(
        blocks_of({"items": block, "interactions": {**EVENTS, "file": "x.csv"}}, "m"), folder, None, 1
    )[0]
    raw = pd.DataFrame(rows, columns=list("abcde"), dtype="str")
    whole = stream.mapped(raw)
    parts = [stream.mapped(raw.iloc[at : at + cut]) for at in range(0, len(raw), cut)] or [whole]
    joined = pd.concat([part.frame for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(joined, whole.frame)
    rejected = pd.concat([part.rejected for part in parts], ignore_index=True)
    order = ["level", "reason", "row"]
    pd.testing.assert_frame_equal(
        rejected.sort_values(order, ignore_index=True), whole.rejected.sort_values(order, ignore_index=True)
    )
    assert len(raw) == len(whole.frame) + int((whole.rejected["level"] == "row").sum())
    assert sum((Counter(part.converted) for part in parts), Counter()) == Counter(whole.converted)
