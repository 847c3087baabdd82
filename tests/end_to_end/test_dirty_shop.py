"""A shop in two databases and some files, with dirt of every kind, comes back as the clean shop.

The mapping is that of the guide, docs/examples/databases.yaml, and the cleaning the thorough one of the
package, without the steps that fill in what is missing.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hydra import compose, initialize_config_module
from pandas.testing import assert_frame_equal

from dataset.cleaning import Cleaning
from dataset.reading.sql import SqlRows
from dataset.sources.tables import TableFiles
from dataset.storage import read_tables
from pipeline.applications import cleaning_of
from pipeline.preparation import prepare
from tests.end_to_end import servers
from tests.end_to_end.commands import Command
from tests.end_to_end.dirt import REPAIRABLE
from tests.end_to_end.dirt_beyond_repair import BOT_LIMIT, IRREPARABLE
from tests.end_to_end.retailer import (
    Export,
    arranged,
    clean_export,
    json_lines,
    write_postgresql,
    write_sqlite,
)

pytestmark = pytest.mark.slow
FILLING = ("ages_filled", "prices", "prices_filled", "variants")
CLEANING = (
    "cleaning=thorough", *(f"~cleaning.steps.{name}" for name in FILLING), "max_quarantined_share=0.1",
    f"cleaning.steps.bots.max_events_a_day={BOT_LIMIT}",
)  # fmt: skip
KINDS = {**REPAIRABLE, **IRREPARABLE}
# First those that need products or customers that nothing has touched yet, or have few rows to choose from.
TOGETHER = list(dict.fromkeys([
    "ids_that_look_like_numbers", "infinite_prices", "bots", "spellings_of_brands_and_categories",
    "sizes_in_other_units", *KINDS,
]))  # fmt: skip


@dataclass
class Retailer:
    """Where an export goes, and the command that reads it."""

    glowrank: Command
    mapping: Path
    folder: Path
    connection: Any

    def overrides(self) -> tuple[str, ...]:
        """What the command is told."""
        return ("dataset=tables", f"dataset.path={self.folder}", f"dataset.mapping={self.mapping}", *CLEANING)

    def prepared(self, export: Export) -> Path:
        """Export, and prepare by the command."""
        export.write(self.folder, self.connection)
        return self.prepare("tables")[0]

    def prepare(self, out: str) -> tuple[Path, str]:
        """The folder of the tables, and what was said."""
        outcome = self.glowrank("prepare", *self.overrides(), f"out={self.folder.parent / out}")
        assert outcome.code == 0, outcome.err
        return self.folder.parent / out, outcome.out


@pytest.fixture(scope="module")
def server() -> Iterator[servers.Server]:
    with servers.postgresql() as server:
        yield server


@pytest.fixture
def retailer(
    server: servers.Server,
    glowrank: Command,
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Retailer]:
    import psycopg

    socket = server.address.split()[0].removeprefix("host=")
    monkeypatch.setenv("SHOP_DATABASE", f"postgresql+psycopg://shop@/postgres?host={socket}")
    monkeypatch.setenv("APP_DATABASE", f"sqlite:///{tmp_path}/exports/app.db")
    with psycopg.connect(server.address, autocommit=True) as connection:
        mapping = repository / "docs" / "examples" / "databases.yaml"
        yield Retailer(glowrank, mapping, tmp_path / "exports", connection)


@pytest.fixture(scope="module")
def cleaning() -> Cleaning:
    with initialize_config_module(config_module="conf", version_base="1.3"):
        composed: Cleaning = cleaning_of(compose("prepare", overrides=["out=.", *CLEANING]))
    return composed


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Rows that databases hand over, by table."""
    counts: Counter[str] = Counter()
    batches = SqlRows._batches

    def counting(self: SqlRows, *args: Any) -> Iterator[list[Any]]:
        for batch in batches(self, *args):
            counts[self.label] += len(batch)
            yield batch

    monkeypatch.setattr(SqlRows, "_batches", counting)
    return counts


def check(export: Export, out: Path) -> None:
    """The tables are the clean shop but for what is lost, and every row that is not in them is explained."""
    tables = read_tables(out)
    found = {"users": tables.users, "items": tables.items, "events": tables.interactions}
    for name, expected in export.expected().items():
        assert_frame_equal(arranged(name, found[name]), expected)
    report, due = json.loads((out / "report.json").read_text()), export.due
    for name, n_rows in export.n_rows().items():
        assert report["sources"][name]["in"] == n_rows, name
    for counts in (*report["tables"].values(), *report["sources"].values()):
        explained = counts["kept"] + counts["quarantined"] + counts["merged"]
        assert counts["in"] + counts["added"] == explained, counts
    assert flat(report["reasons"]) == due.reasons
    assert flat(report["converted"]) == +due.converted
    assert flat(report["changed"]) == due.changed
    assert Counter(report["merged"]) == due.merged
    assert Counter(report["conflicts"]) == due.conflicts
    rows = [pd.read_parquet(path) for path in sorted((out / "quarantine").glob("*.parquet"))]
    kept = Counter((row.table, row.reason) for frame in rows for row in frame.itertuples())
    assert kept == due.reasons


def flat(nested: Mapping[str, Mapping[str, int]]) -> Counter[tuple[str, str]]:
    """Counts above zero by both names."""
    return Counter({(name, why): n for name, counts in nested.items() for why, n in counts.items() if n})


def test_a_clean_export_comes_back(retailer: Retailer) -> None:
    export = clean_export(seed=0)
    out = retailer.prepared(export)
    check(export, out)
    assert not (out / "quarantine").exists()


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_one_kind_of_dirt(
    retailer: Retailer, kind: Callable[[Export], None], cleaning: Cleaning, tmp_path: Path
) -> None:
    export = clean_export(seed=1)
    clean = export.expected()
    kind(export)
    if kind in REPAIRABLE.values() and kind.__name__ != "ids_that_look_like_numbers":
        for name, frame in export.expected().items():
            assert_frame_equal(frame, clean[name])
    export.write(retailer.folder, retailer.connection)
    source = TableFiles(path=str(retailer.folder), mapping=str(retailer.mapping))
    prepare(source, tmp_path / "tables", cleaning)  # as the command does, which takes longer to start
    check(export, tmp_path / "tables")


@pytest.mark.parametrize("seed", [2, 3])
def test_all_kinds_of_dirt_together(retailer: Retailer, seed: int) -> None:
    export = clean_export(seed)
    for name in TOGETHER:
        KINDS[name](export)
    check(export, retailer.prepared(export))


def test_only_what_is_new_is_read(retailer: Retailer, fetched: Counter[str]) -> None:
    export = clean_export(seed=4)
    for kind in (
        "bots",
        "repeated_events",
        "returned_and_cancelled_orders",
        "returns_of_nothing",
        "unknown_items",
    ):
        KINDS[kind](export)
    # Repetitions and returns of what was there before are among the new rows, as they were written last.
    new = {
        name: export.tables[name].iloc[-n:] for name, n in (("orders", 90), ("taps", 300), ("reviews", 30))
    }
    old = {name: export.tables[name].drop(index=rows.index) for name, rows in new.items()}
    retailer.prepared(replace(export, tables={**export.tables, **old}))
    fetched.clear()
    assert "Nothing to do" in retailer.prepare("tables")[1]
    assert not fetched
    write_postgresql(retailer.connection, "orders", new["orders"], new=False)
    write_sqlite(retailer.folder / "app.db", new["taps"])
    with (retailer.folder / "reviews_1.jsonl").open("a") as file:
        file.write(json_lines(new["reviews"]))
    out, said = retailer.prepare("tables")
    assert "read 3 of" in said
    assert fetched == {"orders": 2 * 90, "app": 2 * 300}  # once to know them again, once to read them
    check(export, out)
    again, _ = retailer.prepare("again")
    assert published(out) == published(again)


def test_a_row_that_changes_with_its_watermark_is_read_again(
    retailer: Retailer, fetched: Counter[str]
) -> None:
    export = clean_export(seed=5)
    retailer.prepared(export)
    fetched.clear()
    user = export.truth["users"].loc[0, "user"]
    retailer.connection.execute(
        "UPDATE customers SET home = 'moved', changed = '2023-01-01' WHERE customer = %s", (user,)
    )
    out, _ = retailer.prepare("tables")
    assert fetched == {"customers": 2 * len(export.tables["customers"])}
    export.truth["users"].loc[0, "region"] = "moved"
    check(export, out)


def published(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file()]
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {name: path.read_bytes() for name, path in names.items() if not name.startswith(".")}
