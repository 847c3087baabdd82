"""Preparation: the same tables whatever the division, each piece once, all or nothing, any way it ends."""

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from dataset.canonical import Tables
from dataset.cleaning import NAMES, Cleaning, clean
from dataset.cleaning.limits import Quantiles
from dataset.cleaning.steps.bots import BotsByRate
from dataset.cleaning.steps.duplicate_events import DuplicateEvents
from dataset.cleaning.steps.extremes import ExtremeValues
from dataset.cleaning.steps.returns import ReturnsNetted
from dataset.encoding import encode
from dataset.errors import ArtefactError, DataContractError, ResourceError
from dataset.shop import generate as generating
from dataset.sources.canonical import Canonical
from dataset.sources.shop import Shop
from dataset.sources.tables import TableFiles
from dataset.storage import open_tables, read_tables
from pipeline.artefacts import MANIFEST, write_folder
from pipeline.cache import Cache
from pipeline.locks import held
from pipeline.preparation import folder as folders
from pipeline.preparation import load, parts, prepare, preparing, streams
from tests.pipeline.divided import Divided, DividedStream, events_of, items_of, sources, users_of

# Everything may be quarantined here; what is asked is where each row went.
CLEANING = Cleaning(
    steps={
        "duplicates": DuplicateEvents(),
        "bots": BotsByRate(max_events_a_day=2, scope="user"),
        "returns": ReturnsNetted(),
        "quantities": ExtremeValues(
            table="interactions", column="quantity", rule=Quantiles(low=0.1, high=0.9), action="clip"
        ),
        "ages": ExtremeValues(table="users", column="age", rule=Quantiles(low=0.1, high=0.9)),
    },
    max_quarantined_share=1.0,
)
DEFAULT = Cleaning.default(max_quarantined_share=1.0)


MAPPING = """
timezone: UTC
items:
  file: products.csv
  columns: {item: sku, name: title, price: price}
users:
  file: customers.csv
  columns: {user: id, age: age}
interactions:
  file: events*.csv
  columns: {user: who, item: sku, kind: kind, timestamp: at}
"""


@pytest.fixture
def by_month(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every month is a part of its own, and a large one several."""
    monkeypatch.setattr(parts, "SMALL_ROWS", 0)
    monkeypatch.setattr(parts, "PART_ROWS", 40)


def assert_equals_clean(source: Divided, cleaning: Cleaning, folder: Path) -> None:
    raw = source.read()
    try:
        cleaned, quarantine = clean(raw, cleaning)
    except DataContractError as error:
        with pytest.raises(DataContractError, match=re.escape(str(error).partition(",")[0])):
            prepare(source, folder, cleaning)
        assert not (folder / MANIFEST).exists()
        return
    report = prepare(source, folder, cleaning).report
    assert encode(open_tables(folder), "x").digest == encode(cleaned, "x").digest
    back = read_tables(folder)
    for name in NAMES:
        pd.testing.assert_frame_equal(sorted_(getattr(back, name)), sorted_(getattr(cleaned, name)))
    expected = quarantine.report()
    for part in ("tables", "reasons", "merged", "conflicts"):
        assert report[part] == expected[part], part
    assert {k: v for k, v in report["changed"].items() if any(v.values())} == {
        k: v for k, v in expected["changed"].items() if any(v.values())
    }
    taken = [pq.read_table(path).to_pandas() for path in sorted((folder / "quarantine").glob("*"))]
    rows = pd.concat(taken)[["table", "level", "reason", "row"]].to_numpy().tolist() if taken else []
    assert sorted(rows) == sorted(quarantine.rows[["table", "level", "reason", "row"]].to_numpy().tolist())
    assert {name: sum(cells.values()) for name, cells in report["converted"].items()} == {
        name: len(getattr(raw, name)) for name in NAMES
    }


def sorted_(frame: pd.DataFrame) -> pd.DataFrame:
    """Rows by all that they hold."""
    frame = frame[sorted(frame.columns)]
    rows = [repr(row) for row in frame.to_numpy(dtype=object).tolist()]
    return frame.iloc[sorted(range(len(rows)), key=rows.__getitem__)].reset_index(drop=True)


SHOP = Divided(
    [
        DividedStream(
            "users", "customers", users_of([("a", 20.0), ("b", float("inf")), ("a", 30.0)]), [2], 1
        ),
        DividedStream("items", "products", items_of([("x", "L", 1.0), ("y", "L", float("inf"))]), [], 9),
        DividedStream(
            "interactions",
            "orders",
            events_of(
                [
                    *[
                        (user, "x", "purchase", np.nan, 1.0, day, "dry")
                        for day in range(20)
                        for user in "ace"
                    ],
                    *[("a", "x", "purchase", np.nan, 1.0, day, None) for day in (40, 40, 41, 70)],
                    ("b", "x", "view", np.nan, 1.0, 41, None),
                    ("c", "y", "view", np.nan, 1.0, 42, None),
                    ("c", "gone", "view", np.nan, 1.0, 43, None),
                    ("a", "x", "rating", 7.0, 1.0, 70, None),
                    ("a", "x", "return", np.nan, 2.0, 100, None),
                    ("c", "x", "return", np.nan, 0.5, 101, None),
                    ("d", "x", "cancellation", np.nan, 1.0, 101, None),
                ]
            ),
            [13, 17],
            29,
            ("skin_type",),
        ),
    ]
)


@pytest.mark.slow
@pytest.mark.usefixtures("by_month")
def test_a_dirty_shop_in_pieces_gives_what_cleaning_in_memory_gives(tmp_path: Path) -> None:
    for name, cleaning in {"default": DEFAULT, "more": CLEANING}.items():
        assert_equals_clean(SHOP, cleaning, tmp_path / name)
    report = json.loads((tmp_path / "default" / "report.json").read_text())
    names = sorted(path.stem for path in (tmp_path / "default" / "interactions").iterdir())
    assert names[-1] == "part-2023-02"  # what was bought in March came back
    assert set(names[:-1]) <= {f"part-2023-01-{bucket:02d}" for bucket in range(2)}  # a large month
    orders = report["sources"]["orders"]
    assert orders["in"] == orders["kept"] + orders["quarantined"] + orders["merged"] == 71
    assert orders["reasons"] == {
        "a rating is not within 1 and 5": 1,
        "nothing was bought that could be taken back": 1,
        "the item was quarantined": 1,
        "the user was quarantined": 1,
        "unknown item": 1,
    }


@pytest.mark.slow
@pytest.mark.usefixtures("by_month")
@settings(max_examples=12, suppress_health_check=list(HealthCheck), phases=(Phase.explicit, Phase.generate))
@given(source=sources())
def test_any_division_gives_what_cleaning_in_memory_gives(
    source: Divided, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for cleaning in (DEFAULT, CLEANING):
        assert_equals_clean(source, cleaning, tmp_path_factory.mktemp("out"))


# Nothing is done twice


def rows_of(days: range) -> str:
    """Lines of events; every ninth is of a product that nobody knows."""
    items = ["gone" if day % 9 == 8 else f"p{day % 4}" for day in days]
    moments = [pd.Timestamp("2023-01-01") + pd.Timedelta(days=day) for day in days]
    rows = zip(days, items, moments, strict=True)
    return "".join(f"u{day % 7},{item},view,{moment}\n" for day, item, moment in rows)


def written(folder: Path) -> TableFiles:
    """Files of a shop: events of four months in two files."""
    folder = folder / "raw"
    folder.mkdir()
    (folder / "mapping.yaml").write_text(MAPPING)
    (folder / "products.csv").write_text("sku,title,price\n" + "".join(f"p{at},P,1.5\n" for at in range(4)))
    (folder / "customers.csv").write_text("id,age\n" + "".join(f"u{at},30\n" for at in range(5)))
    (folder / "events1.csv").write_text("who,sku,kind,at\n" + rows_of(range(80)))
    (folder / "events2.csv").write_text("who,sku,kind,at\n" + rows_of(range(60, 115)))
    return TableFiles(path=str(folder), mapping=str(folder / "mapping.yaml"))


@pytest.fixture
def shop(tmp_path: Path) -> TableFiles:
    """Files that a test may change."""
    return written(tmp_path)


def append(shop: TableFiles, name: str, text: str) -> None:
    with (Path(shop.path) / name).open("a") as file:
        file.write(text)


def contents(folder: Path, *, staged: bool = False) -> dict[str, bytes]:
    """Every file of a folder."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    names = {path.relative_to(folder).as_posix(): path for path in paths}
    return {
        name: path.read_bytes() for name, path in sorted(names.items()) if staged or not name.startswith(".")
    }


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the pieces that are read."""
    names: list[str] = []

    def noted(stream: Any, piece: Any, *others: Any, stage: Callable[..., None] = preparing.stage) -> None:
        names.append(piece.name)
        stage(stream, piece, *others)

    monkeypatch.setattr(preparing, "stage", noted)
    return names


@pytest.mark.slow
@pytest.mark.usefixtures("by_month")
def test_a_second_run_does_nothing_and_appended_rows_cost_what_they_cost(
    shop: TableFiles, tmp_path: Path, read: list[str]
) -> None:
    out = tmp_path / "out"
    cleaning = Cleaning.default(max_quarantined_share=0.5)
    first = prepare(shop, out, cleaning)
    assert first.made == {"pieces": 4, "tables": 2, "parts": n_parts(out), "published": 1}
    before = contents(out)
    read.clear()
    second = prepare(shop, out, cleaning)
    assert (second.report, second.made, second.asked["pieces"]) == (first.report, {}, 4)
    assert read == []

    append(shop, "events2.csv", rows_of(range(115, 118)))
    again = prepare(shop, out, cleaning)
    assert len(read) == 1
    assert "events2.csv" in read[0]
    assert again.made == {"pieces": 1, "parts": n_parts(out, "2023-04"), "published": 1}
    after = contents(out)
    assert [name for name, content in after.items() if before.get(name) != content] == [
        "interactions/part-2023-04.parquet", "manifest.json", "quarantine/interactions.parquet", "report.json"
    ]  # fmt: skip
    fresh = tmp_path / "fresh"
    prepare(shop, fresh, cleaning)
    assert contents(out) == contents(fresh)


def n_parts(out: Path, month: str = "") -> int:
    return len(list((out / "interactions").glob(f"part-{month}*")))


@pytest.mark.slow
@pytest.mark.usefixtures("by_month")
def test_only_months_that_a_change_of_the_products_concerns_are_settled_again(
    shop: TableFiles, tmp_path: Path
) -> None:
    append(shop, "events1.csv", "u1,only-in-february,view,2023-02-03\n")
    out = tmp_path / "out"
    cleaning = Cleaning.default(max_quarantined_share=0.5)
    prepare(shop, out, cleaning)
    append(shop, "products.csv", "nobody-has-seen-it,P,1\n")
    assert "parts" not in prepare(shop, out, cleaning).made
    append(shop, "products.csv", "only-in-february,P,1\n")
    assert 0 < prepare(shop, out, cleaning).made["parts"] <= n_parts(out, "2023-02")
    fresh = tmp_path / "fresh"
    prepare(shop, fresh, cleaning)
    assert contents(out) == contents(fresh)


@pytest.mark.slow
def test_other_cleaning_reads_nothing_and_no_memory_reads_everything(
    shop: TableFiles, tmp_path: Path, read: list[str]
) -> None:
    out = tmp_path / "out"
    prepare(shop, out, DEFAULT)
    whole = contents(out)
    read.clear()
    assert "pieces" not in prepare(shop, out, CLEANING).made
    assert read == []
    assert contents(out) != whole
    shutil.rmtree(out / ".staged")
    assert prepare(shop, out, DEFAULT).made["pieces"] == 4
    assert contents(out) == whole


@pytest.mark.slow
def test_damage_is_found_and_mended(shop: TableFiles, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare(shop, out, DEFAULT)
    whole = contents(out)
    for path in [
        out / "items.parquet",
        *sorted((out / ".staged").rglob("rows.parquet")),
        out / "report.json",
    ]:
        content = path.read_bytes()
        path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
        (out / ".staged" / "done.json").unlink()
        prepare(shop, out, DEFAULT)
        assert contents(out) == whole, path
    append(shop, "events1.csv", "u1,p1,view,2023-02-04\n")
    prepare(shop, out, DEFAULT)
    fresh = tmp_path / "fresh"
    prepare(shop, fresh, DEFAULT)
    assert contents(out) == contents(fresh)


# All or nothing


def test_too_much_quarantined_publishes_nothing(shop: TableFiles, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(DataContractError, match="unknown item"):
        prepare(shop, out)
    assert contents(out) == {}
    prepare(shop, out, DEFAULT)
    whole = contents(out)
    with pytest.raises(DataContractError, match="unknown item"):
        prepare(shop, out)
    assert contents(out) == whole


class Ended(BaseException):
    """As if the process had been killed."""


@pytest.fixture(scope="module")
def endings(tmp_path_factory: pytest.TempPathFactory) -> tuple[TableFiles, Path, Path]:
    """Files, their tables, and those of files with another product."""
    folder = tmp_path_factory.mktemp("endings")
    files = written(folder)
    products = Path(files.path) / "products.csv"
    text = products.read_text()
    products.write_text(text + "p9,P,1\n")
    prepare(files, folder / "older", DEFAULT)
    products.write_text(text)
    prepare(files, folder / "whole", DEFAULT)
    return files, folder / "whole", folder / "older"


@pytest.mark.parametrize(
    ("over", "made", "put"),
    [
        (False, 3, 0),
        (True, 0, 2),
        *(pytest.param(False, at, 0, marks=pytest.mark.slow) for at in (1, 5, 7)),
        *(pytest.param(False, 0, at, marks=pytest.mark.slow) for at in (1, 4)),
        pytest.param(True, 0, 1, marks=pytest.mark.slow),
    ],
)
def test_wherever_it_ends_the_tables_are_the_same_in_the_end(
    endings: tuple[TableFiles, Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    over: bool,
    made: int,
    put: int,
) -> None:
    files, whole, older = endings
    out = tmp_path / "out"
    if over:
        shutil.copytree(older, out)
    with monkeypatch.context() as patch:
        patch.setattr(folders, "_put", ending(folders._put, put))
        patch.setattr("pipeline.preparation.store.write_folder", ending(write_folder, made))
        with pytest.raises(Ended):
            prepare(files, out, DEFAULT)
    assert not (out / MANIFEST).exists()
    with pytest.raises(ArtefactError):
        open_tables(out)
    prepare(files, out, DEFAULT)
    assert contents(out) == contents(whole)


def ending(function: Callable[..., Any], step: int) -> Callable[..., Any]:
    """A function that ends the process when it is called for the step-th time."""
    called = 0

    def counted(*arguments: Any) -> Any:
        nonlocal called
        called += 1
        if called == step:
            raise Ended
        return function(*arguments)

    return counted


def test_two_at_once(shop: TableFiles, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with held(out / ".lock"), pytest.raises(ResourceError, match="One process at a time"):
        prepare(shop, out, DEFAULT)
    assert contents(out) == {}


# From the cache


@pytest.mark.slow
def test_a_dataset_is_the_same_from_files_memory_and_cache(shop: TableFiles, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    loaded = [load(shop, None, 0, DEFAULT), load(shop, cache, 0, DEFAULT), load(shop, cache, 0, DEFAULT)]
    expected = encode(clean(shop.read(), DEFAULT)[0], "TableFiles", 0)
    assert {one.dataset.digest for one in loaded} == {expected.digest}
    assert loaded[0].report["tables"] == loaded[2].report["tables"]
    prepared = tmp_path / "out"
    prepare(shop, prepared, DEFAULT)
    for cleaning in (DEFAULT, replace(DEFAULT, steps={"once": DuplicateEvents()})):  # the same one, another
        back = load(Canonical(path=str(prepared)), cache, 0, cleaning)
        assert back.dataset.digest == expected.digest
    assert len(list((cache.folder or tmp_path).glob("prepared/*"))) == 2


@pytest.mark.slow
def test_an_oracle_follows_the_order_of_the_rows(tmp_path: Path) -> None:
    source = Shop(n_users=40, n_items=20, n_days=200)
    prepare(source, tmp_path / "out")
    one, other = encode(open_tables(tmp_path / "out"), "x"), encode(clean(source.read())[0], "x")
    assert one.oracle is not None
    assert other.oracle is not None
    who = np.arange(40, dtype=np.int32)
    when = np.full(40, int(one.interactions.time.max()))
    np.testing.assert_array_equal(one.oracle.probabilities(who, when), other.oracle.probabilities(who, when))


@dataclass(frozen=True)
class Whole:
    """A source that must be read at once."""

    source: Shop | Canonical

    def inputs(self) -> Sequence[Path]:
        """Its files."""
        return self.source.inputs()

    def read(self) -> Tables:
        """Its tables."""
        return self.source.read()


def tables_in(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and ".staged" not in path.parts]
    kept = [path for path in paths if path.suffix == ".parquet" or "oracle" in path.parts]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in kept}


@pytest.mark.slow
def test_events_made_in_parts_are_prepared_as_those_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shop and a prepared folder, the events cut where no chunk or cohort of the other ends."""
    monkeypatch.setattr(generating, "COHORT", 17)
    shop = Shop(n_users=60, n_items=30, n_days=120, events_per_user=25, seed=2)
    monkeypatch.setattr(streams, "CHUNK_ROWS", 400)
    at_once = prepare(Whole(shop), tmp_path / "whole").report
    monkeypatch.setattr(generating, "_ROWS", 130)
    in_parts = prepare(shop, tmp_path / "parts").report
    assert in_parts["tables"] == at_once["tables"]
    assert tables_in(tmp_path / "parts") == tables_in(tmp_path / "whole")
    assert any(name.startswith("oracle") for name in tables_in(tmp_path / "parts"))
    prepare(Canonical(path=str(tmp_path / "parts")), tmp_path / "again", Cleaning.default(0.5))
    again, parts_ = tables_in(tmp_path / "again"), tables_in(tmp_path / "parts")
    assert {name for name in again if again[name] != parts_.get(name)} <= {"oracle/value.json"}
    assert set(again) == set(parts_)


def test_a_shop_without_an_event_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataContractError, match="At least one event"):
        prepare(Shop(n_users=5, n_items=4, n_days=30, events_per_user=0), tmp_path)
