"""Lists for every user by the command: complete, repeatable, and true to the run."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from dataset.cleaning import clean
from dataset.sources.shop import Shop
from pipeline.artefacts import MANIFEST, read_manifest
from tests.end_to_end.commands import Command

N_USERS, N_ITEMS = 150, 60
COLUMNS = ["user", "rank", "item", "score", "sources", "rung", "run_id"]
Recommend = Callable[..., Path]


@pytest.fixture(scope="module")
def recommend(
    glowrank: Command, shop_run: Path, cache: str, tmp_path_factory: pytest.TempPathFactory
) -> Recommend:
    """Make lists with the shared run; returns their folder."""

    def run(*overrides: str) -> Path:
        out = tmp_path_factory.mktemp("lists") / "lists"
        outcome = glowrank("recommend", f"run={shop_run}", f"out={out}", cache, "threads=1", *overrides)
        assert outcome.code == 0, outcome.err
        return out

    return run


@pytest.fixture(scope="module")
def latest(recommend: Recommend) -> Path:
    return recommend("n=12", "part_size=64", "block_size=20")


def read(folder: Path) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("part-*.parquet"))])


@pytest.fixture(scope="module")
def eligible() -> dict[str, set[str]]:
    """What each user may get today, found the long way from the tables."""
    tables, _ = clean(Shop(n_users=N_USERS, n_items=N_ITEMS, n_days=240, events_per_user=60).read())
    events, items = tables.interactions, tables.items
    items = items[items["in_stock"] & ~(items["launched_at"] > events["timestamp"].max())]
    content = {item: set(names) for item, names in zip(items["item"], items["ingredients"], strict=True)}
    got = events[events["kind"].isin(["purchase", "rating"])].groupby("user")["item"].agg(set).to_dict()
    return {
        user: {item for item, names in content.items() if not names & set(avoids)} - got.get(user, set())
        for user, avoids in zip(tables.users["user"], tables.users["avoids"], strict=True)
    }


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def check(lists: pd.DataFrame, eligible: dict[str, set[str]], n: int) -> None:
    """Full lists of distinct items, each of which its user may get."""
    assert lists["user"].nunique() == N_USERS
    for user, rows in lists.groupby("user"):
        items = rows["item"].tolist()
        assert len(set(items)) == len(items) == min(n, len(eligible[str(user)]))
        assert set(items) <= eligible[str(user)]
        assert rows["rank"].tolist() == list(range(1, len(items) + 1))


def test_everybody_gets_a_full_list(latest: Path, eligible: dict[str, set[str]]) -> None:
    lists = read(latest)
    assert list(lists.columns) == COLUMNS
    check(lists, eligible, 12)
    assert lists["run_id"].nunique() == 1


def test_scores_fall_and_sources_are_named(latest: Path, shop_run: Path) -> None:
    lists = read(latest)
    ranked = lists[lists["sources"] != "backfill"]
    assert ranked["score"].notna().all()
    assert (ranked.groupby("user")["score"].diff().dropna() <= 0).all()
    known = set(json.loads((shop_run / "metrics.json").read_text())["retrieval"]) - {"fused"}
    named = {name for sources in ranked["sources"] for name in sources.split("|")}
    assert named <= known
    assert len(named) > 3


def test_parts_are_listed_with_their_checksums(latest: Path) -> None:
    lines = [json.loads(line) for line in (latest / "manifest.jsonl").read_text().splitlines()]
    assert [line["name"] for line in lines] == [f"part-{number:05d}.parquet" for number in range(3)]
    assert [line["users"] for line in lines] == [64, 64, 22]
    for line in lines:
        path = latest / line["name"]
        assert hashlib.sha256(path.read_bytes()).hexdigest() == line["sha256"]
        assert pq.read_metadata(path).num_rows == line["rows"]
    others = {"manifest.jsonl", "plan.json", "certificate.json", "_SUCCESS"}
    assert {path.name for path in latest.iterdir()} == {line["name"] for line in lines} | others
    facts = json.loads((latest / "_SUCCESS").read_text())
    assert facts["users"] == N_USERS
    assert facts["rows"] == sum(line["rows"] for line in lines)
    assert facts["certificate"] == hashlib.sha256((latest / "certificate.json").read_bytes()).hexdigest()


def test_the_certificate_says_what_the_oracle_says(latest: Path, eligible: dict[str, set[str]]) -> None:
    found = json.loads((latest / "certificate.json").read_text())
    assert (found["lists"], found["rows"]) == (N_USERS, len(read(latest)))
    assert len(found["violations"]) == 14
    assert not any(found["violations"].values())
    choice = [len(items) for items in eligible.values()]
    assert found["eligible_items"]["min"] == min(choice)
    assert found["eligible_items"]["max"] == max(choice)
    assert found["short_lists"] == sum(number < 12 for number in choice)
    assert found["short_as_no_more_are_eligible"] == found["short_lists"]


def test_other_readers_see_plain_strings(latest: Path) -> None:
    schema = pq.read_schema(latest / "part-00000.parquet")
    assert [str(schema.field(name).type) for name in COLUMNS] == [
        "string", "int32", "string", "float", "string", "string", "string"
    ]  # fmt: skip


@pytest.mark.slow
def test_some_users_get_the_lists_that_they_get_among_all(
    recommend: Recommend, latest: Path, glowrank: Command, shop_run: Path, cache: str, tmp_path: Path
) -> None:
    everybody = read(latest).reset_index(drop=True)
    some = sorted(everybody["user"].unique())[::7]
    names = tmp_path / "some.txt"
    names.write_text("\n".join([*some, "", some[0]]), encoding="utf-8")
    lists = read(recommend("n=12", "part_size=64", "block_size=20", f"only={names}")).reset_index(drop=True)
    expected = everybody[everybody["user"].isin(some)].reset_index(drop=True)
    pd.testing.assert_frame_equal(lists[COLUMNS], expected, check_exact=False, rtol=1e-5)
    arguments = (f"run={shop_run}", f"out={tmp_path / 'none'}", cache, "threads=1", f"only={names}")
    names.write_text(f"{some[0]}\nnobody at all\n", encoding="utf-8")
    outcome = glowrank("recommend", *arguments)
    assert (outcome.code, "'nobody at all'" in outcome.err) == (4, True)
    names.write_text("\n", encoding="utf-8")
    assert "at least one user" in glowrank("recommend", *arguments).sentence
    names.unlink()
    outcome = glowrank("recommend", *arguments)
    assert (outcome.code, "a file of user ids" in outcome.sentence) == (2, True)


@pytest.mark.slow
def test_reasons_stand_beside_the_same_lists_and_belong_to_the_plan(
    recommend: Recommend, latest: Path, glowrank: Command, shop_run: Path, cache: str
) -> None:
    told = recommend("n=12", "part_size=64", "block_size=20", "reasons=full")
    lists, plain = read(told).reset_index(drop=True), read(latest).reset_index(drop=True)
    pd.testing.assert_frame_equal(lists[COLUMNS], plain)
    assert set(lists) - set(COLUMNS) == {
        "nearest", "shared_ingredients", "shared_functions", "contributions"
    }  # fmt: skip
    ladder = json.loads((shop_run / "ladder.json").read_text())["rungs"]
    by_ranker = {name for name, rung in ladder.items() if rung["answer"] == "ranker"}
    assert set(lists["rung"]) <= set(ladder)
    spoken = lists["rung"].isin(by_ranker) & lists["score"].notna()
    assert spoken.any()
    assert (lists["contributions"].notna() == spoken).all()
    sums = lists.loc[spoken, "contributions"].map(lambda parts: sum(parts.values()))
    assert (sums - lists.loc[spoken, "score"]).abs().max() <= 1e-6
    arguments = (f"run={shop_run}", f"out={told}", cache, "threads=1", "n=12", "part_size=64")
    outcome = glowrank("recommend", *arguments, "block_size=20", "reasons=short")
    assert outcome.code == 2
    assert "reasons was full and now is short" in outcome.err


@pytest.mark.parametrize(
    "override",
    [
        "engine=serial",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("threads=1", "threads=2", "cache_dir=null")
        ),
    ],
)
def test_the_same_again_gives_the_same_bytes(latest: Path, recommend: Recommend, override: str) -> None:
    again = recommend("n=12", "part_size=64", "block_size=20", override)
    assert bytes_of(again) == bytes_of(latest)


@pytest.mark.slow
def test_parts_and_blocks_change_no_list(latest: Path, recommend: Recommend) -> None:
    whole = read(recommend("n=12", "block_size=33", "part_size=50"))
    columns = ["user", "rank", "item", "sources"]
    pd.testing.assert_frame_equal(
        whole[columns].reset_index(drop=True), read(latest)[columns].reset_index(drop=True)
    )


@pytest.mark.slow
def test_as_of_test_the_lists_are_those_of_the_run(recommend: Recommend, shop_run: Path) -> None:
    measured = pd.read_parquet(shop_run / "lists.parquet")
    lists = read(recommend("n=20", "as_of=test"))
    assert lists["user"].nunique() == N_USERS
    # The same users in the same order: codes ascend in both.
    same = lists[lists["user"].isin(measured["user"])]
    ranked = same[same["sources"] != "backfill"]
    for name in ("user", "rank", "item", "score"):
        assert ranked[name].tolist() == measured[name].tolist(), name


@pytest.mark.slow
def test_warm_users_only(recommend: Recommend, latest: Path) -> None:
    warm = read(recommend("n=3", "as_of=test", "users=warm"))
    everybody = read(recommend("n=3", "as_of=test"))
    assert 0 < warm["user"].nunique() < everybody["user"].nunique()
    columns = ["user", "rank", "item", "sources"]
    same = everybody[everybody["user"].isin(warm["user"])]
    assert same[columns].to_numpy().tolist() == warm[columns].to_numpy().tolist()


@pytest.mark.slow
def test_more_items_than_there_are_is_a_warning(
    glowrank: Command, shop_run: Path, cache: str, tmp_path: Path, eligible: dict[str, set[str]]
) -> None:
    out = tmp_path / "lists"
    outcome = glowrank("recommend", f"run={shop_run}", f"out={out}", cache, "threads=1", "n=1000000")
    assert outcome.code == 0, outcome.err
    assert "shorter than n=1000000" in outcome.out
    check(read(out), eligible, N_ITEMS)


@pytest.mark.slow
def test_lists_are_filled_up_where_retrieval_found_too_few(
    glowrank: Command,
    experiment: Callable[..., Path],
    without_plots: None,
    cache: str,
    tmp_path: Path,
    eligible: dict[str, set[str]],
) -> None:
    names = (
        "content",
        "collaborative",
        "clusters",
        "groups",
        "popular_month",
        "popular_quarter",
        "popular_year",
    )
    run = experiment(*(f"~retrieval.sources.{name}" for name in names), "retrieval.budget=7")
    out = tmp_path / "lists"
    outcome = glowrank("recommend", f"run={run}", f"out={out}", cache, "threads=1", "n=20")
    assert outcome.code == 0, outcome.err
    lists = read(out)
    check(lists, eligible, 20)
    filled = lists["sources"] == "backfill"
    assert filled.sum() > 12 * N_USERS
    assert lists.loc[filled, "score"].isna().all()
    assert (filled.groupby(lists["user"]).diff().dropna() >= 0).all()  # behind what was ranked


@pytest.mark.slow
def test_a_folder_of_lists_is_written_again_if_it_is_asked_for(
    glowrank: Command, latest: Path, shop_run: Path, cache: str, tmp_path: Path
) -> None:
    out = tmp_path / "lists"
    shutil.copytree(latest, out)
    (out / ".part-00001.parquet.0123456789abcdef0123456789abcdef").write_text("of a run that was killed")
    before = bytes_of(out)
    arguments = ("recommend", f"run={shop_run}", f"out={out}", cache, "threads=1", "n=2")
    outcome = glowrank(*arguments)
    assert outcome.code == 2
    assert "n was 12 and now is 2" in outcome.sentence
    assert "resume=false" in outcome.sentence
    assert bytes_of(out) == before
    outcome = glowrank(*arguments, "resume=false")
    assert outcome.code == 0, outcome.err
    parts = {"part-00000.parquet", "manifest.jsonl", "plan.json", "certificate.json", "_SUCCESS"}
    assert {path.name for path in out.iterdir()} == parts


@pytest.mark.parametrize("foreign", ["file", "folder", "run"])
def test_a_foreign_folder_is_left_alone(
    glowrank: Command, shop_run: Path, cache: str, tmp_path: Path, foreign: str
) -> None:
    out = {"file": tmp_path / "notes.txt", "folder": tmp_path, "run": shop_run}[foreign]
    (tmp_path / "notes.txt").write_text("mine")
    before = sorted(out.iterdir()) if out.is_dir() else []
    outcome = glowrank("recommend", f"run={shop_run}", f"out={out}", cache)
    assert outcome.code == 2
    assert "out must be" in outcome.sentence
    assert (sorted(out.iterdir()) if out.is_dir() else []) == before
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "override",
    [
        "n=0",
        "n=ten",
        "n=null",
        "resume=perhaps",
        *(
            pytest.param(override, marks=pytest.mark.slow)
            for override in (
                "n=-3",
                "n=1.5",
                "n=true",
                "as_of=yesterday",
                "users=some",
                "part_size=0",
                "block_size=x",
            )
        ),
    ],
)
def test_a_wrong_setting_is_refused(glowrank: Command, shop_run: Path, tmp_path: Path, override: str) -> None:
    outcome = glowrank("recommend", f"run={shop_run}", f"out={tmp_path / 'lists'}", override)
    assert outcome.code == 2
    assert override.partition("=")[0] in outcome.sentence
    assert not (tmp_path / "lists").exists()


@pytest.mark.parametrize("missing", ["run", "out"])
def test_a_mandatory_setting_is_named(glowrank: Command, tmp_path: Path, missing: str) -> None:
    given = {"run": f"run={tmp_path}", "out": f"out={tmp_path / 'lists'}"}
    del given[missing]
    outcome = glowrank("recommend", *given.values())
    assert outcome.code == 2
    assert missing in outcome.sentence


# What is wrong with a run


@pytest.fixture
def copied(shop_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(shop_run, tmp_path / "run"))


def refused(glowrank: Command, run: Path, tmp_path: Path, *overrides: str) -> str:
    outcome = glowrank("recommend", f"run={run}", f"out={tmp_path / 'lists'}", *overrides)
    assert outcome.code == 3, outcome.err
    assert not (tmp_path / "lists").exists()
    return outcome.sentence


def test_a_run_that_is_none(glowrank: Command, tmp_path: Path) -> None:
    assert "no folder" in refused(glowrank, tmp_path / "nowhere", tmp_path)
    assert "manifest.json" in refused(glowrank, tmp_path, tmp_path)
    (tmp_path / "file").write_text("")
    assert "no folder" in refused(glowrank, tmp_path / "file", tmp_path)


def test_a_run_without_manifest(glowrank: Command, copied: Path, tmp_path: Path) -> None:
    (copied / MANIFEST).unlink()
    assert "incomplete" in refused(glowrank, copied, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["ranker/model.txt", "*.npy", "value.json"])
@pytest.mark.parametrize("how", ["cut", "flip", "removed"])
def test_a_damaged_model_is_never_opened(
    glowrank: Command, copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str, how: str
) -> None:
    def opened(*arguments: object, **keywords: object) -> None:
        pytest.fail("a library opened a damaged model")

    monkeypatch.setattr("dataset.persistence.load", opened)
    monkeypatch.setattr("lightgbm.Booster.__init__", opened)
    monkeypatch.setattr("faiss.read_index", opened)
    path = max((copied / "model").rglob(pattern), key=lambda found: found.stat().st_size)
    content = bytearray(path.read_bytes())
    if how == "removed":
        path.unlink()
    elif how == "cut":
        path.write_bytes(content[: len(content) // 2])
    else:
        content[len(content) // 2] ^= 16
        path.write_bytes(content)
    assert path.name in refused(glowrank, copied, tmp_path)


@pytest.mark.slow
def test_every_flip_of_the_manifest_is_refused_or_harmless(
    glowrank: Command, copied: Path, cache: str, tmp_path: Path
) -> None:
    original = (copied / MANIFEST).read_bytes()
    for at in range(0, len(original), 1024):
        for bit in (1, 64, 128):
            content = bytearray(original)
            content[at] ^= bit
            (copied / MANIFEST).write_bytes(content)
            outcome = glowrank(
                "recommend",
                f"run={copied}",
                f"out={tmp_path / 'lists'}",
                cache,
                "n=1",
                "threads=1",
                "resume=false",
            )
            assert outcome.code in (0, 3), (at, bit, outcome.err)
            if outcome.code:
                assert outcome.sentence


@pytest.mark.slow
def test_other_data_is_refused_as_of_test_and_said_as_of_latest(
    glowrank: Command, copied: Path, cache: str, tmp_path: Path
) -> None:
    config = copied / "config.yaml"
    config.write_text(config.read_text().replace("n_users: 150", "n_users: 151"))
    manifest = read_manifest(copied)
    manifest["files"]["config.yaml"] = {
        "bytes": config.stat().st_size,
        "sha256": hashlib.sha256(config.read_bytes()).hexdigest(),
    }
    (copied / MANIFEST).write_text(json.dumps(manifest))
    arguments = (f"run={copied}", f"out={tmp_path / 'lists'}", cache, "threads=1", "n=2")
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "_SUCCESS").write_text("older lists")
    outcome = glowrank("recommend", *arguments, "as_of=test")
    assert outcome.code == 3
    assert (tmp_path / "lists" / "_SUCCESS").read_text() == "older lists"
    assert "as_of=test needs the data" in outcome.sentence
    outcome = glowrank("recommend", *arguments, "resume=false")
    assert outcome.code == 0, outcome.err
    assert "The data has changed" in outcome.out
    assert read(tmp_path / "lists")["user"].nunique() == 151
