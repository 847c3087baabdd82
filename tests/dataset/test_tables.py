"""Any files, mapped by YAML: the example, then what must be kept exactly and what must be refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from dataset.cleaning import clean
from dataset.encoding import encode
from dataset.errors import ConfigurationError, DataContractError, ResourceError
from dataset.sources.tables import TableFiles

_EXAMPLE = Path(__file__).parents[2] / "docs/examples"
_ITEMS = {"file": "items.csv", "columns": {"item": "sku"}}
_EVENTS: dict[str, Any] = {
    "file": "events.csv",
    "columns": {"user": "who", "item": "sku", "timestamp": "at"},
    "constants": {"kind": "purchase"},
}


def _source(folder: Path, mapping: object, **files: str) -> TableFiles:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    (folder / "map.yaml").write_text(mapping if isinstance(mapping, str) else yaml.safe_dump(mapping))
    return TableFiles(path=str(folder), mapping=str(folder / "map.yaml"))


def _plain(folder: Path, at: str = "2020-01-01T00:00:00Z", **events: Any) -> TableFiles:
    mapping = {"items": _ITEMS, "interactions": {**_EVENTS, **events}}
    return _source(folder, mapping, items="sku\nx\n", events=f"who,sku,at\nu,x,{at}\n")


def _seconds(source: TableFiles) -> list[str]:
    return [str(moment) for moment in source.read().interactions["timestamp"]]


def test_the_example() -> None:
    source = TableFiles(path=str(_EXAMPLE), mapping=str(_EXAMPLE / "tables.yaml"))
    assert [path.name for path in source.inputs()] == [
        "tables.yaml", "customers.csv", "products.csv", "orders.csv", "clicks.csv"
    ]  # fmt: skip
    tables, quarantine = clean(source.read())
    assert not len(quarantine.rows)
    dataset = encode(tables, "example")
    assert (len(dataset.users), len(dataset.items), len(dataset.interactions)) == (10, 8, 29)
    items = tables.items.set_index("item")
    assert not items.loc["00201", "in_stock"]
    assert items.loc["00201", "ingredients"][-1] == "iron oxides"
    assert items.loc["1152921504606846976", "category"] == "Lips"


def test_numeric_looking_ids_stay_strings(tmp_path: Path) -> None:
    ids = ["00123", str(2**60), "1e5", "NA", "null", "é"]
    source = _source(
        tmp_path,
        {"items": _ITEMS, "interactions": _EVENTS},
        items="sku\n" + "\n".join(ids) + "\n",
        events="who,sku,at\n" + "".join(f"{id_},{id_},2020-01-01T00:00Z\n" for id_ in ids),
    )
    tables = source.read()
    assert tables.items["item"].tolist() == ids
    assert tables.interactions["user"].tolist() == ids


def test_parquet(tmp_path: Path) -> None:
    times = pd.to_datetime(["2020-01-01 12:00:00.123456789", "2020-06-01 00:00:00.0"]).as_unit("ns")
    pq.write_table(
        pa.table(
            {
                "who": pa.array([2**60, 7], pa.int64()),
                "sku": pa.array(["x", "x"]).dictionary_encode(),
                "at": pa.array(times),
                "stars": pa.array([5, None], pa.int8()),
            }
        ),
        tmp_path / "events.parquet",
    )
    pq.write_table(
        pa.table({"sku": ["x"], "inci": [["Aqua", "Parfum"]], "live": pa.array([None], pa.bool_())}),
        tmp_path / "items.parquet",
    )
    columns = {"user": "who", "item": "sku", "timestamp": "at", "value": "stars"}
    item_columns = {"item": "sku", "ingredients": "inci", "in_stock": "live"}
    tables = _source(
        tmp_path,
        {
            "timezone": "Asia/Tokyo",
            "items": {"file": "it*.parquet", "columns": item_columns},
            "interactions": {**_EVENTS, "file": "events.parquet", "columns": columns},
        },
    )
    read = tables.read()
    assert read.interactions["user"].tolist() == [str(2**60), "7"]
    assert str(read.interactions["timestamp"].iloc[0]) == "2020-01-01 03:00:00.123456+00:00"
    assert read.interactions["value"].iloc[0] == 5.0
    assert np.isnan(read.interactions["value"].iloc[1])
    assert read.items["ingredients"].iloc[0] == ["water", "fragrance"]
    assert read.items["in_stock"].tolist() == [True]
    pq.write_table(
        pa.table({"sku": [1.0, None], "inci": ["", ""], "live": [True, False]}), tmp_path / "items.parquet"
    )
    with pytest.raises(DataContractError, match="must be text or whole"):
        tables.read()


@pytest.mark.parametrize(
    ("at", "zone", "utc"),
    [
        ("2020-01-01T12:00:00+02:00", None, "2020-01-01 10:00:00+00:00"),
        ("2020-01-01 12:00Z", None, "2020-01-01 12:00:00+00:00"),
        ("2020-07-01 12:00", "Europe/Paris", "2020-07-01 10:00:00+00:00"),
        ("2020-01-05", "Pacific/Chatham", "2020-01-04 10:15:00+00:00"),
        ("2020-10-25 02:30", "Europe/Paris", "2020-10-25 01:30:00+00:00"),  # occurs twice: the later
        ("2020-03-29 02:30", "Europe/Paris", "2020-03-29 01:00:00+00:00"),  # never occurs
        ("9999-12-31 23:59:59", "America/New_York", "9999-12-31 23:59:59+00:00"),  # beyond all zones
    ],
)
def test_times(tmp_path: Path, at: str, zone: str | None, utc: str) -> None:
    assert _seconds(_plain(tmp_path, at, timezone=zone)) == [utc]


def test_epochs(tmp_path: Path) -> None:
    assert _seconds(_plain(tmp_path, "1577836800", time_format="unix_s")) == ["2020-01-01 00:00:00+00:00"]
    milliseconds = _plain(tmp_path, "1577836800500", time_format="unix_ms")
    assert _seconds(milliseconds) == ["2020-01-01 00:00:00.500000+00:00"]
    assert _seconds(_plain(tmp_path, "31.12.2019", time_format="%d.%m.%Y", timezone="UTC")) == [
        "2019-12-31 00:00:00+00:00"
    ]


def test_naive_times_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataContractError, match=r"column at of events.csv must carry a zone. Got 2020-01-05"):
        _plain(tmp_path, "2020-01-05").read()


def test_cells_that_cannot_be_read_are_rejected_and_shown(tmp_path: Path) -> None:
    mapping = {
        "items": {"file": "items.csv", "columns": {"item": "sku", "price": "p", "in_stock": "live"}},
        "interactions": _EVENTS,
    }
    source = _source(
        tmp_path, mapping, items="sku,p,live\nx,cheap,\ny,,perhaps\n", events="who,sku,at\nu,x,soon\nu,x,\n"
    )
    tables = source.read()
    assert tables.items["price"].isna().all()
    assert tables.items["in_stock"].tolist() == [True, False]
    assert tables.rejected["reason"].tolist() == ["price is not a number", "in_stock is not a flag",
                                                  "timestamp is not a moment"]  # fmt: skip
    assert json.loads(tables.rejected["row"].iloc[2]) == {"who": "u", "sku": "x", "at": "soon"}


def test_declared_attributes(tmp_path: Path) -> None:
    mapping = {
        "users": {
            "file": "users.csv",
            "columns": {"user": "id", "points": "p"},
            "attributes": {"points": "number"},
        },
        "items": _ITEMS,
        "interactions": {**_EVENTS, "attributes": {"mood": "label"}},
    }
    source = _source(tmp_path, mapping, users="id,p\nu,3\n", items="sku\nx\n",
                     events="who,sku,at,mood\nu,x,2020-01-01T00:00Z,good\n")  # fmt: skip
    tables = source.read()
    assert tables.stated == ("mood",)
    dataset = encode(clean(tables)[0], "x")
    assert dataset.users.numeric["points"].tolist() == [3.0]
    assert dataset.interactions.stated["mood"].names == ("good",)


@pytest.mark.parametrize(
    "file", ["../secret.csv", "/etc/passwd", "a/../../b.csv", "..\\b.csv", "~/x.csv", "C:/x", "a\0b"]
)
def test_files_outside_are_refused(tmp_path: Path, file: str) -> None:
    with pytest.raises(ConfigurationError, match="file must"):
        _source(tmp_path, {"items": {**_ITEMS, "file": file}, "interactions": _EVENTS}).read()


def test_links_outside_are_refused(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret.csv").write_text("sku\nx\n")
    source = _plain(inside)
    (inside / "items.csv").unlink()
    (inside / "items.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(ConfigurationError, match="a link out of it"):
        source.read()


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ("a: [", "must be a mapping in YAML"),
        ("!!python/object/apply:os.system [ls]", "must be a mapping in YAML"),
        ("just text", "mapping from names to values"),
        ({"items": _ITEMS}, "must describe interactions"),
        ({"items": _ITEMS, "interactions": _EVENTS, "orders": {}}, "Got 'orders'"),
        ({"items": {**_ITEMS, "colums": {}}, "interactions": _EVENTS}, "Got 'colums'"),
        ({"items": {**_ITEMS, "columns": {"sku": "sku"}}, "interactions": _EVENTS}, "Got 'sku'"),
        ({"items": _ITEMS, "interactions": {**_EVENTS, "constants": {}}}, "which column is kind"),
        ({"items": _ITEMS, "interactions": {**_EVENTS, "timezone": "Mars/Base"}}, "Europe/Paris"),
        ({"items": _ITEMS, "interactions": {**_EVENTS, "kinds": {"a": "bought"}}}, "Got 'bought'"),
        ({"items": {**_ITEMS, "columns": {"item": 5}}, "interactions": _EVENTS}, "in quotes if need be"),
        (
            {"items": _ITEMS, "interactions": {**_EVENTS, "attributes": {"n": "number"}}},
            "a new name for a label",
        ),
    ],
)
def test_mappings_without_a_meaning_are_refused(tmp_path: Path, mapping: object, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        _source(tmp_path, mapping).read()


def test_clear_refusals_of_files(tmp_path: Path) -> None:
    source = _plain(tmp_path)
    (tmp_path / "events.csv").write_text("who,at\nu,1\n")
    with pytest.raises(DataContractError, match=r"events.csv must have the column sku. It has who, at"):
        source.read()
    for broken in ('who,sku,at\nu,x,"1\nu,x,1\n', 'who,sku,at\nu,x,y,"1\n2"\nu,x,1\n'):
        (tmp_path / "events.csv").write_text(broken)
        with pytest.raises(DataContractError, match=r"close every quote|as long as its header"):
            source.read()
    (tmp_path / "events.csv").write_bytes(bytes(range(256)))
    with pytest.raises(DataContractError):
        source.read()
    with pytest.raises(ResourceError, match="max_gib"):
        TableFiles(path=str(tmp_path), mapping=source.mapping, max_gib=1e-9).read()
    (tmp_path / "items.csv").unlink()
    with pytest.raises(DataContractError, match=r"the files of items \(items.csv\)"):
        source.inputs()
