"""Raw files to canonical tables by the command, and runs on what it wrote."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from dataset.cleaning import clean
from dataset.storage import read_tables
from tests.dataset.older_layout import write_older
from tests.end_to_end.commands import SHOP, Command

pytestmark = pytest.mark.slow

MAPPING = """
timezone: UTC
items:
  file: products.csv
  columns: {item: sku, name: title, brand: brand, price: price, ingredients: inci, launched_at: launched}
  separators: {ingredients: "|"}
users:
  file: users.csv
  columns: {user: id, avoids: avoids}
  separators: {avoids: ";"}
interactions:
  file: events.csv
  columns: {user: user, item: sku, kind: kind, value: stars, timestamp: at}
"""
PRODUCTS = {
    "sku": ["00123", "p2", "p3"],
    "title": ["A", "B", "C"],
    "brand": ["x", "y", ""],
    "price": ["9.90", "12", "3"],
    "inci": ["Aqua|Glycerin", "Aqua|Parfum", "Aqua"],
    "launched": ["2023-01-01", "", "2023-02-01"],
}
USERS = {"id": ["u1", "u2", "u3"], "avoids": ["parfum", "", ""]}
N_EVENTS = 60
EVENTS = {
    "user": [f"u{at % 3 + 1}" for at in range(N_EVENTS)],
    "sku": [("00123", "p2", "p3")[at // 3 % 3] for at in range(N_EVENTS)],
    "kind": ["purchase" if at % 2 else "rating" for at in range(N_EVENTS)],
    "stars": ["" if at % 2 else "4" for at in range(N_EVENTS)],
    "at": [f"2023-03-01 10:{at:02d}:00" for at in range(N_EVENTS)],
}
Cells = dict[str, list[str]]


def written(folder: Path, **changed: Cells) -> tuple[str, ...]:
    """A folder of CSV files, as overrides."""
    folder.mkdir(exist_ok=True)
    for name, cells in {"products": PRODUCTS, "users": USERS, "events": EVENTS, **changed}.items():
        pd.DataFrame(cells).to_csv(folder / f"{name}.csv", index=False)
    (folder / "mapping.yaml").write_text(MAPPING)
    return ("dataset=tables", f"dataset.path={folder}", f"dataset.mapping={folder / 'mapping.yaml'}")


def with_cell(table: Cells, column: str, row: int, value: str) -> Cells:
    return {name: [value if (name, at) == (column, row) else cell for at, cell in enumerate(cells)]
            for name, cells in table.items()}  # fmt: skip


def report_of(folder: Path) -> Any:
    return json.loads((folder / "report.json").read_text(encoding="utf-8"))


def test_the_counts_are_shown_and_kept(glowrank: Command, tmp_path: Path) -> None:
    outcome = glowrank("prepare", *written(tmp_path / "raw"), f"out={tmp_path / 'tables'}")
    assert outcome.code == 0, outcome.err
    assert "quarantined" in outcome.out
    assert str(tmp_path / "tables") in outcome.out
    report = report_of(tmp_path / "tables")
    assert report["tables"]["interactions"]["kept"] == N_EVENTS
    assert list(read_tables(tmp_path / "tables").items["item"]) == PRODUCTS["sku"]


@pytest.mark.parametrize(
    ("table", "column", "value", "reason"),
    [
        ("events", "at", "the day before yesterday", "timestamp is not a moment"),
        ("events", "stars", "7", "a rating is not within 1 and 5"),
        ("events", "stars", "many", "value is not a number"),
        ("events", "kind", "theft", "kind is unknown"),
        ("events", "sku", "p99", "unknown item"),
        ("events", "user", " ", "user is blank"),
    ],
)
def test_a_bad_row_is_quarantined_with_its_reason(
    glowrank: Command, tmp_path: Path, table: str, column: str, value: str, reason: str
) -> None:
    raw = written(tmp_path / "raw", **{table: with_cell(EVENTS, column, 8, value)})
    outcome = glowrank("prepare", *raw, f"out={tmp_path / 'tables'}")
    assert outcome.code == 0, outcome.err
    counts = report_of(tmp_path / "tables")["tables"]["interactions"]
    assert (counts["in"], counts["kept"], counts["quarantined"]) == (N_EVENTS, N_EVENTS - 1, 1)
    assert reason in outcome.out


def test_repeated_events_and_ids_are_merged_and_counted(glowrank: Command, tmp_path: Path) -> None:
    events = {name: [*cells, cells[5]] for name, cells in EVENTS.items()}
    products = {name: [*cells, cells[1]] for name, cells in PRODUCTS.items()}
    raw = written(tmp_path / "raw", events=events, products=products)
    assert glowrank("prepare", *raw, f"out={tmp_path / 'tables'}").code == 0
    counts = report_of(tmp_path / "tables")["tables"]
    assert counts["interactions"]["merged"] == 1
    assert counts["items"]["merged"] == 1


def test_a_malformed_list_is_counted(glowrank: Command, tmp_path: Path) -> None:
    (tmp_path / "product_info.csv").write_text(
        "product_id,product_name,brand_name,ingredients,price_usd,out_of_stock,highlights,primary_category,"
        "secondary_category,tertiary_category\n"
        "P1,Serum,Lumi,\"['Aqua, Glycerin']\",24.0,0,\"['Vegan']\",Skincare,Treatments,\n"
        "P2,Mask,Lumi,\"['Water', \",9.0,0,\"__import__('os')\",Skincare,Masks,\n"
    )
    (tmp_path / "reviews_0.csv").write_text(
        "author_id,rating,submission_time,skin_tone,eye_color,skin_type,hair_color,product_id\n"
        "007,5,2020-04-28,tan,brown,dry,,P1\n"
    )
    out = tmp_path / "tables"
    outcome = glowrank("prepare", "dataset=kaggle_sephora", f"dataset.path={tmp_path}", f"out={out}")
    assert outcome.code == 0, outcome.err
    assert report_of(out)["tables"]["items"]["cells"] == 2
    assert "items: ingredients is not a list of strings: 1" in outcome.out


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"events": {**EVENTS, "at": ["never"] * N_EVENTS}}, "interactions may be quarantined"),
        ({"events": {**EVENTS, "sku": ["p9"] * N_EVENTS}}, "unknown item"),
        (
            {"events": {name: cells for name, cells in EVENTS.items() if name != "sku"}},
            "must have the column sku",
        ),
        ({"events": {name: [] for name in EVENTS}}, "At least one event"),
    ],
)
def test_data_that_breaks_the_contract_ends_with_4(
    glowrank: Command, tmp_path: Path, changed: dict[str, Cells], said: str
) -> None:
    outcome = glowrank("prepare", *written(tmp_path / "raw", **changed), f"out={tmp_path / 'tables'}")
    assert outcome.code == 4
    assert said in outcome.sentence
    assert {path.name for path in (tmp_path / "tables").iterdir()} <= {".staged"}


def test_nothing_left_is_said_even_if_all_may_go(glowrank: Command, tmp_path: Path) -> None:
    raw = written(tmp_path / "raw", events={**EVENTS, "sku": ["p9"] * N_EVENTS})
    outcome = glowrank("prepare", *raw, f"out={tmp_path / 'tables'}", "max_quarantined_share=1")
    assert outcome.code == 4
    assert "kept none" in outcome.sentence


def test_a_missing_file_is_named(glowrank: Command, tmp_path: Path) -> None:
    raw = written(tmp_path / "raw")
    (tmp_path / "raw" / "events.csv").unlink()
    outcome = glowrank("prepare", *raw, f"out={tmp_path / 'tables'}")
    assert outcome.code == 4
    assert "events.csv" in outcome.sentence


def test_prepare_writes_over_its_own_tables_and_nothing_else(glowrank: Command, tmp_path: Path) -> None:
    raw = written(tmp_path / "raw")
    out = tmp_path / "tables"
    for _ in range(2):
        assert glowrank("prepare", *raw, f"out={out}").code == 0
    for foreign in (tmp_path / "raw", tmp_path / "raw" / "users.csv", tmp_path):
        before = sorted(path for path in tmp_path.rglob("*"))
        outcome = glowrank("prepare", *raw, f"out={foreign}")
        assert outcome.code == 2
        assert "out must be" in outcome.sentence
        assert sorted(path for path in tmp_path.rglob("*")) == before


def test_equal_sources_give_equal_bytes(glowrank: Command, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert glowrank("prepare", *SHOP, f"out={tmp_path / name}").code == 0
    paths = [path for path in (tmp_path / "a").rglob("*") if path.is_file()]
    assert len(paths) > 5
    for path in paths:
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


@pytest.mark.usefixtures("without_plots")
def test_prepared_and_shuffled_tables_give_what_the_source_gives(
    glowrank: Command, shop_run: Path, experiment: Callable[..., Path], tmp_path: Path
) -> None:
    prepared, shuffled = tmp_path / "prepared", tmp_path / "shuffled"
    assert glowrank("prepare", *SHOP, f"out={prepared}").code == 0
    tables, _ = clean(read_tables(prepared))
    frames = {
        name: getattr(tables, name).sample(frac=1, random_state=3, ignore_index=True)
        for name in ("users", "items", "interactions")
    }
    mixed = replace(tables, oracle=None, **frames)
    write_older(mixed, shuffled)
    runs = [experiment("dataset=canonical", f"dataset.path={folder}") for folder in (prepared, shuffled)]
    raw, again = (json.loads((run / "metrics.json").read_text()) for run in (shop_run, runs[0]))
    for key in ("split", "queries", "retrieval", "runs", "cold", "differences"):
        assert again[key] == raw[key], key
    assert "oracle" in again["runs"]
    assert again["dataset"]["digest"] == raw["dataset"]["digest"]
    for run in runs:
        assert (run / "lists.parquet").read_bytes() == (shop_run / "lists.parquet").read_bytes()
