"""What every target must keep, on real servers: lists arrive as they are, all or nothing."""

import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import psycopg
import pytest
import redis

from dataset.errors import ArtefactError, ConfigurationError, DataContractError, ParameterError, ResourceError
from pipeline.progress import Stopwatch
from pipeline.publishing import lists as lists_module
from pipeline.publishing.connections import without_secrets
from pipeline.publishing.lists import FinishedLists
from pipeline.publishing.postgresql import PostgreSql
from pipeline.publishing.redis import READ, Redis, _RedisShelf
from pipeline.publishing.sqlite import Sqlite
from pipeline.publishing.target import publish, roll_back
from tests.end_to_end import servers
from tests.pipeline.list_folders import ODD, Lists, uniform, write_folder

SECRET = "s3cr3t-%/:word"


class TargetContract:
    """Inherit, and give a target, and how a shop reads it."""

    # What a publication says to a publisher in another process, which is then killed.
    START: ClassVar[str] = """
import sys, time
from pathlib import Path
from pipeline.progress import Stopwatch
from pipeline.publishing import lists
from pipeline.publishing.postgresql import PostgreSql
from pipeline.publishing.redis import Redis
from pipeline.publishing.sqlite import Sqlite
from pipeline.publishing.target import publish
lists.BATCH_ROWS = 40
whole = lists.FinishedLists.batches
def halting(self):
    for number, batch in enumerate(whole(self)):
        if number == 5:
            print("half", flush=True)
            time.sleep(600)
        yield batch
lists.FinishedLists.batches = halting
publish({target!r}, lists.FinishedLists.at(Path({path!r})), Stopwatch())
"""

    @pytest.fixture
    def target(self) -> Any:
        raise NotImplementedError

    @pytest.fixture
    def shop(self, target: Any) -> "Callable[[], Shop]":
        raise NotImplementedError

    @pytest.fixture(autouse=True)
    def small_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lists_module, "BATCH_ROWS", 40)

    def test_what_was_written_is_read(self, target, shop, folder):
        done = publish(target, folder("a", ODD), Stopwatch())
        assert shop().all() == ODD
        assert (done.lists, done.rows) == (len(ODD), sum(map(len, ODD.values())))
        for user, entries in ODD.items():
            assert shop().one(user) == entries
        assert shop().one("nobody") == []

    def test_the_same_again_writes_nothing(self, target, shop, folder):
        first = publish(target, folder("a"), Stopwatch())
        again = publish(target, folder("a"), Stopwatch())
        assert (again.lists, again.edition, again.before) == (0, first.edition, first.edition)
        assert shop().all() == uniform("a")

    def test_lists_of_the_same_run_and_another_day_are_others(self, target, shop, folder):
        first = publish(target, folder("a", run_id="run"), Stopwatch())
        other = publish(target, folder("b", run_id="run"), Stopwatch())
        assert first.edition != other.edition
        assert other.before == first.edition
        assert shop().all() == uniform("b")

    def test_taking_back_goes_through_what_was_served(self, target, shop, folder):
        target = replace(target, keep=3)
        for name in "abc":
            publish(target, folder(name), Stopwatch())
        for name in "ba":
            roll_back(target)
            assert shop().all() == uniform(name)
        with pytest.raises(ConfigurationError, match=r"served before. Got 1 in"):
            roll_back(target)
        assert shop().all() == uniform("a")
        assert publish(target, folder("c"), Stopwatch()).lists == 0  # it was there still
        assert shop().all() == uniform("c")
        roll_back(target)
        assert shop().all() == uniform("a")  # and not b, which had been taken back

    def test_nothing_to_take_back(self, target):
        with pytest.raises(ConfigurationError, match="Got 0 in"):
            roll_back(target)

    @pytest.mark.parametrize("keep", [1, 2])
    def test_the_last_few_stay(self, target, shop, folder, keep):
        target = replace(target, keep=keep)
        editions = [publish(target, folder(name), Stopwatch()) for name in "abcd"]
        assert shop().editions() == {done.edition for done in editions[-keep:]}
        assert shop().n_lists() == keep * len(uniform("a"))
        assert editions[keep].removed == (editions[0].edition,)

    def test_what_was_taken_back_goes_with_the_next(self, target, shop, folder):
        first, second = (publish(target, folder(name), Stopwatch()) for name in "ab")
        roll_back(target)
        third = publish(target, folder("c"), Stopwatch())
        assert third.removed == (second.edition,)
        assert shop().editions() == {first.edition, third.edition}

    @pytest.mark.slow
    def test_a_killed_publication_leaves_what_was_served(self, target, shop, folder):
        publish(target, folder("a"), Stopwatch())
        self.killed(target, folder("b"))
        assert shop().all() == uniform("a")
        done = publish(target, folder("b"), Stopwatch())
        assert done.lists == len(uniform("b"))
        assert shop().all() == uniform("b")
        assert shop().n_lists() == 2 * len(uniform("b"))

    @pytest.mark.slow
    def test_what_a_killed_publication_left_goes_with_another(self, target, shop, folder):
        self.killed(target, folder("a"))
        done = publish(target, folder("b"), Stopwatch())
        assert shop().editions() == {done.edition}
        assert shop().n_lists() == len(uniform("b"))

    def killed(self, target: Any, lists: FinishedLists) -> None:
        """Let another process publish half of the lists, and kill it."""
        program = self.START.replace("{target!r}", repr(target)).replace("{path!r}", repr(str(lists.path)))
        with subprocess.Popen(
            [sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"half\n"
            process.kill()
        assert process.returncode == -signal.SIGKILL

    def test_only_one_publishes_at_a_time(self, target, folder, monkeypatch):
        monkeypatch.setattr("pipeline.publishing.connections.LOCK_SECONDS", 0.2)
        with target.opened(), pytest.raises(ResourceError, match=r"process|another publication"):
            publish(target, folder("a"), Stopwatch())
        publish(target, folder("a"), Stopwatch())

    def test_a_failure_in_the_middle_leaves_what_was_served(self, target, shop, folder, monkeypatch):
        publish(target, folder("a"), Stopwatch())
        lists = folder("b")
        (lists.path / "part-00001.parquet").write_bytes(b"changed after it was checked")
        with pytest.raises(ArtefactError, match=r"part-00001\.parquet must be what manifest"):
            publish(target, lists, Stopwatch())
        assert shop().all() == uniform("a")
        publish(target, folder("b"), Stopwatch())
        assert shop().all() == uniform("b")

    def test_a_reader_sees_one_run_or_the_other(self, target, shop, folder):
        """Readers poll all lists and single ones, while editions come, go and are taken back."""
        publish(target, folder("a"), Stopwatch())
        whole, wrong, ended = {name: uniform(name) for name in "abc"}, [], threading.Event()
        seen: set[str] = set()

        def poll(single: bool) -> None:
            reader = shop()
            users = list(whole["a"])
            while not ended.is_set():
                for user in users[:20] if single else users[:1]:
                    found = {user: reader.one(user)} if single else reader.all()
                    expected = [name for name in whole if found == {u: whole[name][u] for u in found}]
                    if not found or not expected or not (single or len(found) == len(users)):
                        wrong.append(found)
                    seen.update(expected)

        threads = [threading.Thread(target=poll, args=(single,)) for single in (True, False)]
        for thread in threads:
            thread.start()
        try:
            for name in ("b", "c", "a", "c", "b", "a", "b", "c"):
                publish(replace(target, keep=2), folder(name), Stopwatch())
            roll_back(target)
        finally:
            ended.set()
            for thread in threads:
                thread.join()
        assert not wrong
        assert len(seen) > 1

    def test_lists_that_cannot_be_are_refused(self, target, shop, folder):
        publish(target, folder("a"), Stopwatch())
        with pytest.raises(DataContractError, match="NUL"):
            publish(target, folder("b", {"x\0y": [("i", 1.0, "s")]}), Stopwatch())
        assert shop().all() == uniform("a")

    def test_wrong_parameters_are_refused(self, target):
        for wrong in (0, -1, "two", None, True):
            with pytest.raises(ParameterError, match="'keep' parameter of"):
                replace(target, keep=wrong)


class Shop:
    """How a shop reads lists, by what the target says of itself."""

    def one(self, user: str) -> list[tuple[str, Any, str]]:
        raise NotImplementedError

    def all(self) -> Lists:
        raise NotImplementedError

    def editions(self) -> set[str]:
        raise NotImplementedError

    def n_lists(self) -> int:
        """Of all editions, with leftovers."""
        raise NotImplementedError


def single(score: float | None) -> Any:
    return None if score is None else np.float32(score)


def by_user(rows: Any) -> Lists:
    found: Lists = {}
    for user, item, score, sources in rows:
        found.setdefault(user, []).append((item, single(score), sources))
    return found


class SqliteShop(Shop):
    def __init__(self, target: Sqlite) -> None:
        self.target = target
        self.connection = sqlite3.connect(target.path, check_same_thread=False)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement, values).fetchall()

    def one(self, user: str) -> list[tuple[str, Any, str]]:
        rows = self.rows(self.target.reading, user)
        return [(item, single(score), sources) for item, score, sources in rows]

    def all(self) -> Lists:
        return by_user(
            self.rows("SELECT user_id, item, score, sources FROM current_lists ORDER BY user_id, rank")
        )

    def editions(self) -> set[str]:
        return {name for (name,) in self.rows("SELECT edition FROM runs")}

    def n_lists(self) -> int:
        return int(self.rows("SELECT count(*) FROM lists")[0][0])


class PostgreSqlShop(Shop):
    def __init__(self, target: PostgreSql, address: str) -> None:
        self.target = target
        self.connection = psycopg.connect(address, autocommit=True, cursor_factory=psycopg.RawCursor)

    def rows(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        statement = statement.replace("glowrank.", f"{self.target.schema}.")
        return self.connection.execute(statement.encode(), values or None).fetchall()

    def one(self, user: str) -> list[tuple[str, Any, str]]:
        rows = self.rows(self.target.reading, user)
        return [(item, single(score), sources) for item, score, sources in rows]

    def all(self) -> Lists:
        columns = "SELECT user_id, item, score, sources FROM glowrank.current_lists"
        return by_user(self.rows(f"{columns} ORDER BY user_id, rank"))

    def editions(self) -> set[str]:
        return {name for (name,) in self.rows("SELECT edition FROM glowrank.runs")}

    def n_lists(self) -> int:
        return int(self.rows("SELECT count(*) FROM glowrank.lists")[0][0])


class RedisShop(Shop):
    def __init__(self, target: Redis, address: str) -> None:
        self.target = target
        self.client: Any = redis.Redis.from_url(address)

    def entries(self, text: bytes | None) -> list[tuple[str, Any, str]]:
        return [(item, single(score), sources) for item, score, sources in json.loads(text or b"[]")]

    def one(self, user: str) -> list[tuple[str, Any, str]]:
        command, script, *_ = re.match(r'(EVAL) "(.*)" 1 \w+ USER$', self.target.reading).groups()  # type: ignore[union-attr]
        return self.entries(self.client.execute_command(command, script, 1, self.target.prefix, user))

    def all(self) -> Lists:
        """By one script, as no publication comes between its commands."""
        found = "redis.call('GET', KEYS[1]), k, redis.call('MGET', unpack(k))"
        script = f"local k = redis.call('KEYS', ARGV[1]) return {{{found}}}"
        prefix = self.target.prefix
        edition, keys, texts = self.client.eval(script, 1, f"{prefix}:current", f"{prefix}:*")
        start = f"{prefix}:{edition.decode()}:".encode()
        lists = {
            key[len(start) :].decode(): self.entries(text)
            for key, text in zip(keys, texts, strict=True)
            if key.startswith(start)
        }
        return dict(sorted(lists.items()))

    def editions(self) -> set[str]:
        return {name.decode() for name in self.client.hkeys(f"{self.target.prefix}:editions")}

    def n_lists(self) -> int:
        own = {f"{self.target.prefix}:{name}".encode() for name in ("current", "editions", "lock")}
        return len(
            [key for key in self.client.scan_iter(f"{self.target.prefix}:*", count=1000) if key not in own]
        )


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., FinishedLists]:
    """A folder of finished lists in two parts, by default as `uniform` makes them."""

    def write(name: str, lists: Lists | None = None, run_id: str = "a:b*[c]? 1") -> FinishedLists:
        return FinishedLists.at(write_folder(tmp_path / name, lists or uniform(name), run_id))

    return write


class TestSqlite(TargetContract):
    @pytest.fixture
    def target(self, tmp_path):
        return Sqlite(path=str(tmp_path / "shop" / "lists.sqlite"))

    @pytest.fixture
    def shop(self, target):
        return lambda: SqliteShop(target)

    def test_the_list_of_a_user_is_found_by_the_index(self, target, shop, folder):
        publish(target, folder("a"), Stopwatch())
        plan = shop().rows(f"EXPLAIN QUERY PLAN {target.reading}", "user 1")
        assert any("USING INDEX lists_by_user (number=? AND user_id=?)" in row[-1] for row in plan)

    def test_a_file_of_somebody_else_is_left_alone(self, target, folder):
        path = Path(target.path)
        path.parent.mkdir()
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE theirs (x)")
        connection.close()
        before = path.read_bytes()
        with pytest.raises(ConfigurationError, match="Got another database"):
            publish(target, folder("a"), Stopwatch())
        assert path.read_bytes() == before
        path.write_bytes(b"no database at all" * 100)
        with pytest.raises(ConfigurationError, match="not a database"):
            publish(target, folder("a"), Stopwatch())

    def test_a_user_twice_is_refused(self, target, shop, folder):
        publish(target, folder("a"), Stopwatch())
        lists = folder("b")
        doubled = write_folder(lists.path, uniform("b"), "b", doubled=True)
        with pytest.raises(ArtefactError, match="must have one list"):
            publish(target, FinishedLists.at(doubled), Stopwatch())
        assert shop().all() == uniform("a")


class OnServer(TargetContract):
    """What targets on servers must keep besides."""

    variable: ClassVar[str]
    away: ClassVar[str]
    lost: ClassVar[type[Exception]]  # what a reader is told when the server is gone

    @pytest.fixture
    def server(self) -> servers.Server:
        raise NotImplementedError

    def test_a_server_killed_in_the_middle(self, target, shop, folder, server, monkeypatch):
        publish(target, folder("a"), Stopwatch())
        whole = FinishedLists.batches

        def killing(lists: FinishedLists) -> Iterator[Any]:
            for number, batch in enumerate(whole(lists)):
                if number == 5:
                    server.kill()
                yield batch

        with monkeypatch.context() as patched:
            patched.setattr(FinishedLists, "batches", killing)
            with pytest.raises(ResourceError, match="what was served still is") as told:
                publish(target, folder("b"), Stopwatch())
        assert told.value.exit_code == 5
        assert "\n" not in str(told.value)
        with pytest.raises(ResourceError, match="must be there"):
            publish(target, folder("b"), Stopwatch())
        server.start()
        assert shop().all() == uniform("a")
        assert publish(target, folder("b"), Stopwatch()).lists == len(uniform("b"))
        assert shop().all() == uniform("b")

    def test_readers_while_the_server_is_killed_and_the_command_given_again(
        self, target, shop, folder, server, monkeypatch
    ):
        """A reader polls throughout; thousands of lists, so that keys come in several scans."""
        monkeypatch.setattr(lists_module, "BATCH_ROWS", 1000)
        runs = {name: uniform(name, 4000) for name in "ab"}
        target = replace(target, keep=1)
        publish(target, folder("a", runs["a"]), Stopwatch())
        ended, answers, wrong = threading.Event(), [], []

        def poll() -> None:
            reader, draw = None, random.Random(0)
            while not ended.is_set():
                user = f"user {draw.randrange(4000)}"
                try:
                    reader = reader or shop()
                    found = reader.one(user)
                except self.lost:
                    reader = None
                    continue
                answers.extend(name for name, lists in runs.items() if found == lists[user])
                if found not in (runs["a"][user], runs["b"][user]):
                    wrong.append(found)

        whole = FinishedLists.batches

        def killing(lists: FinishedLists) -> Iterator[Any]:
            for number, batch in enumerate(whole(lists)):
                if number == 10:
                    server.kill()
                yield batch

        lists = folder("b", runs["b"])
        with ThreadPoolExecutor(1) as pool:
            polling = pool.submit(poll)
            try:
                with monkeypatch.context() as patched:
                    patched.setattr(FinishedLists, "batches", killing)
                    with pytest.raises(ResourceError, match="what was served still is"):
                        publish(target, lists, Stopwatch())
                server.start()
                assert shop().one("user 7") == runs["a"]["user 7"]
                assert publish(target, lists, Stopwatch()).lists == 4000
                served = len(answers)
                while len(answers) < served + 20 and not polling.done():
                    time.sleep(0.01)
            finally:
                ended.set()
            polling.result()
        assert not wrong
        assert set(answers) == {"a", "b"}
        assert answers == sorted(answers)  # after the first of the new run, none of the old
        assert (shop().n_lists(), len(shop().editions())) == (4000, 1)

    def test_the_secret_is_never_told(self, target, monkeypatch):
        for address in (self.away, self.away.replace(":1", ":port"), f"nonsense {SECRET}", f"{SECRET}://"):
            monkeypatch.setenv(self.variable, address)
            with pytest.raises((ResourceError, ConfigurationError)) as told, target.opened():
                pass
            assert SECRET not in str(told.value)
            assert "s3cr3t" not in str(told.value)
            assert self.variable in str(told.value)
            assert told.value.__cause__ is None
            assert told.value.__suppress_context__

    def test_the_variable_must_be_one(self, target, monkeypatch):
        field = "dsn_env" if hasattr(target, "dsn_env") else "url_env"
        with pytest.raises(ConfigurationError, match="name of an environment variable") as told:
            replace(target, **{field: self.away})
        assert "s3cr3t" not in str(told.value)
        monkeypatch.delenv(self.variable)
        with (
            pytest.raises(ConfigurationError, match=f"{self.variable} must hold .* Got nothing"),
            target.opened(),
        ):
            pass


@pytest.mark.slow
class TestPostgreSql(OnServer):
    variable = "GLOWRANK_POSTGRESQL"
    lost = psycopg.OperationalError
    away = "postgresql://shop:s3cr3t-%25%2F%3Aword@127.0.0.1:1/shop"
    _schemas = 0

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls):
        with servers.postgresql() as server:
            yield server

    @pytest.fixture
    def target(self, server, monkeypatch):
        monkeypatch.setenv(self.variable, server.address)
        TestPostgreSql._schemas += 1
        return PostgreSql(schema=f"shop_{TestPostgreSql._schemas}")

    @pytest.fixture
    def shop(self, target, server):
        return lambda: PostgreSqlShop(target, server.address)

    def test_the_list_of_a_user_is_found_in_the_served_partition_by_its_index(self, target, shop, folder):
        for name in "abc":
            publish(target, folder(name, uniform(name, 3000)), Stopwatch())
        lines = [row[0] for row in shop().rows(f"EXPLAIN (ANALYZE) {target.reading}", "user 1")]
        scans = [line for line in lines if re.search(r"(Scan|scan).*lists_\d", line)]
        done = [line for line in scans if "never executed" not in line]
        assert len(scans) == 3
        assert len(done) == 1, lines
        assert "Index Scan" in done[0]

    def test_an_edition_that_is_being_read_stays_until_the_next(self, target, shop, folder):
        target = replace(target, keep=1)
        first = publish(target, folder("a"), Stopwatch())
        reader = shop()
        with reader.connection.transaction():
            reader.all()
            second = publish(target, folder("b"), Stopwatch())
            assert (second.removed, second.busy) == ((), (first.edition,))
        assert reader.all() == uniform("b")
        assert publish(target, folder("b"), Stopwatch()).removed == (first.edition,)

    def test_a_user_twice_is_refused(self, target, folder, tmp_path):
        doubled = write_folder(tmp_path / "a", uniform("a"), "a", doubled=True)
        with pytest.raises(ArtefactError, match="must have one list"):
            publish(target, FinishedLists.at(doubled), Stopwatch())


@pytest.mark.slow
class TestRedis(OnServer):
    variable = "GLOWRANK_REDIS"
    lost = redis.RedisError
    away = "redis://:s3cr3t-%25%2F%3Aword@127.0.0.1:1/0"
    _prefixes = 0

    @pytest.fixture(scope="class")
    @classmethod
    def server(cls):
        with servers.redis() as server:
            yield server

    @pytest.fixture
    def target(self, server, monkeypatch):
        monkeypatch.setenv(self.variable, server.address)
        TestRedis._prefixes += 1
        return Redis(prefix=f"shop_{TestRedis._prefixes}")

    @pytest.fixture
    def shop(self, target, server):
        return lambda: RedisShop(target, server.address)

    def test_what_is_served_stays_and_the_rest_expires(self, target, shop, folder):
        first, second = (publish(target, folder(name), Stopwatch()).edition for name in "ab")
        client = shop().client

        def seconds(edition: str) -> set[int]:
            return {client.ttl(f"{target.prefix}:{edition}:{user}") for user in uniform("a")}

        assert seconds(second) == {-1}
        assert 0 < min(seconds(first)) <= max(seconds(first)) <= target.expiry_days * 86_400
        roll_back(target)
        assert seconds(first) == {-1}
        assert min(seconds(second)) > 0

    def test_what_has_expired_is_not_served(self, target, shop, folder):
        for name in "ab":
            publish(target, folder(name), Stopwatch())
        reader = shop()
        old = next(
            name
            for name in reader.editions()
            if name != reader.client.get(f"{target.prefix}:current").decode()
        )
        reader.client.delete(f"{target.prefix}:{old}:user 1")
        with pytest.raises(ConfigurationError, match="have expired"):
            roll_back(target)
        assert reader.all() == uniform("b")
        assert publish(target, folder("a"), Stopwatch()).lists == len(uniform("a"))  # written anew
        assert reader.all() == uniform("a")

    def test_before_the_first_publication_there_is_nothing(self, shop):
        assert shop().one("user 1") == []

    def test_a_server_that_would_forget_is_told_of(self, target, shop, folder, caplog):
        publish(target, folder("a"), Stopwatch())
        assert caplog.text == ""
        client = shop().client
        client.config_set("appendonly", "no")
        try:
            publish(target, folder("b"), Stopwatch())
        finally:
            client.config_set("appendonly", "yes")
        assert "killed, it forgets the lists" in caplog.text

    def test_keys_that_the_server_names_twice_count_once(self, target):
        class Twice:
            def scan_iter(self, pattern: str, count: int) -> Iterator[bytes]:
                yield from (b"k %d" % (number // 2) for number in range(6000))

        assert _RedisShelf(Twice(), target.prefix, 1, "token")._count("edition") == 3000

    def test_a_full_server_is_told(self, target, shop, folder):
        publish(target, folder("a"), Stopwatch())
        client = shop().client
        client.config_set("maxmemory", "1mb")
        try:
            with pytest.raises(ResourceError, match="memory"):
                publish(target, folder("b"), Stopwatch())
        finally:
            client.config_set("maxmemory", "0")
        assert shop().all() == uniform("a")

    def test_the_script_reads_the_pointer_and_the_list_at_once(self):
        assert READ.count("redis.call") == 2


@pytest.mark.parametrize(
    ("said", "address"),
    [
        ("cannot reach redis://me:pw@host", "redis://me:pw@host"),
        ('invalid port in "postgresql://me:pw@host:x/db"', "postgresql://me:pw@host:x/db"),
        ("bad option password='p w' host=x", "host=x password='p w'"),
        ("password authentication failed for p%2Fw and p/w", "postgresql://me:p%2Fw@host/db"),
    ],
)
def test_secrets_are_cut_out(said, address):
    told = without_secrets(ValueError(said + "\nsecond line"), address)
    assert not re.search(r"\bpw\b|p w|p%2Fw|p/w", told)
    assert "\n" not in told
    assert os.linesep not in told
