"""`glowrank publish` as a user calls it: sentences, exit codes, and the lists of a real run."""

import sqlite3
from pathlib import Path

import pandas as pd
import pytest

from scripts.words import as_overrides
from tests.end_to_end import servers
from tests.end_to_end.commands import Command
from tests.pipeline.list_folders import uniform, write_folder

pytestmark = pytest.mark.slow


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "lists = 1", uniform("a"), "run")


def test_publish_again_and_take_back(glowrank: Command, lists: Path, tmp_path: Path) -> None:
    target = ("target=sqlite", f"target.path={tmp_path}/shop.sqlite")
    first = glowrank("publish", str(lists), *target)
    assert first.code == 0, first.err
    assert "600 rows in 120 lists written." in first.out
    assert "SELECT item, score, sources FROM current_lists WHERE user_id = ? ORDER BY rank" in first.out
    assert "served already; nothing was written" in glowrank("publish", str(lists), *target).out
    none = glowrank("publish", "rollback=true", *target)
    assert (none.code, "served before" in none.sentence) == (2, True)
    second = write_folder(tmp_path / "second", uniform("b"), "run")
    assert " in place of run." in glowrank("publish", str(second), *target).out
    back = glowrank("publish", "rollback=true", *target)
    assert back.code == 0, back.err
    assert "Served: run." in back.out
    with sqlite3.connect(tmp_path / "shop.sqlite") as connection:
        assert connection.execute("SELECT DISTINCT item FROM current_lists WHERE rank = 1").fetchall() == [
            ("a 0",)
        ]
    connection.close()


def test_mistakes_end_in_a_sentence(
    glowrank: Command, lists: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = f"target.path={tmp_path}/shop.sqlite"
    for arguments, code, said in (
        ((), 2, "must be given a folder of lists, or rollback=true. Got neither"),
        ((str(lists), "rollback=true"), 2, "must be given no lists with rollback=true"),
        ((str(lists), "rollback=perhaps"), 2, "rollback must be true or false"),
        ((str(lists), str(lists)), 2, "must be given one folder of lists. Got 2"),
        ((str(lists), "target.keep=0"), 2, "'keep' parameter of Sqlite"),
        ((str(tmp_path / "nowhere"),), 3, "must be a folder of finished lists"),
    ):
        found = glowrank("publish", *arguments, target)
        assert (found.code, said in found.sentence) == (code, True), found.err
    assert not (tmp_path / "shop.sqlite").exists()
    away = "postgresql://shop:s3cret@127.0.0.1:1/shop"
    monkeypatch.setenv("GLOWRANK_POSTGRESQL", away)
    found = glowrank("publish", str(lists), "target=postgresql")
    assert (found.code, "Got: connection" in found.sentence) == (5, True)
    monkeypatch.setenv("GLOWRANK_REDIS", "redis://:s3cret@127.0.0.1:1/0")
    redis = glowrank("publish", str(lists), "target=redis")
    assert redis.code == 5
    misplaced = glowrank("publish", str(lists), "target=postgresql", f"target.dsn_env='{away}'")
    assert misplaced.code == 2
    for one in (found, redis, misplaced):
        assert "s3cret" not in one.out + one.err


def test_a_folder_is_said_in_short(lists: Path) -> None:
    assert as_overrides("publish", ["a b", "target=redis"]) == ["lists='a b'", "target=redis"]
    assert as_overrides("publish", ["target=redis", "rollback=true"]) == ["target=redis", "rollback=true"]


def test_the_lists_of_a_run_reach_every_target(
    glowrank: Command, shop_run: Path, cache: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import psycopg

    out = tmp_path / "lists"
    made = glowrank("recommend", str(shop_run), f"out={out}", "n=7", "part_size=64", cache, "threads=1")
    assert made.code == 0, made.err
    rows = pd.concat([pd.read_parquet(path) for path in sorted(out.glob("part-*.parquet"))])
    expected = sorted(rows[["user", "rank", "item"]].itertuples(index=False, name=None))
    query = "SELECT user_id, rank, item FROM {}current_lists"
    with servers.postgresql() as postgresql, servers.redis() as redis:
        monkeypatch.setenv("GLOWRANK_POSTGRESQL", postgresql.address)
        monkeypatch.setenv("GLOWRANK_REDIS", redis.address)
        for target in ("postgresql", "redis", "sqlite"):
            path = (f"target.path={tmp_path}/shop.sqlite",) if target == "sqlite" else ()
            done = glowrank("publish", str(out), f"target={target}", *path)
            assert done.code == 0, done.err
            assert f"{len(rows):,} rows in {rows['user'].nunique():,} lists written." in done.out
        with psycopg.connect(postgresql.address) as reader:
            assert sorted(reader.execute(query.format("glowrank.").encode()).fetchall()) == expected
    with sqlite3.connect(tmp_path / "shop.sqlite") as connection:
        assert sorted(connection.execute(query.format("")).fetchall()) == expected
    connection.close()
