"""Seconds and peak memory of `glowrank publish`, with a server killed half-way and a reader looking on.

    python -m benchmarks.publishing [--lists 500000] [--folder DIR] [TARGET ...]

Two folders of finished lists are made of ids alone. For each target, on a server of its own that syncs its
files, the first folder is published. Then a reader, a process of its own, asks for users at random and
compares each answer, entry by entry, with what the two folders hold for that user; meanwhile the second
folder is published, the server is killed by SIGKILL half-way and started again, and the same command is given
once more. SQLite has no server, so there the publisher is killed. Each publication is the command itself in a
process of its own, so that its peak memory is its own. A line a target is appended to
`results/publishing.jsonl`; a violation ends the benchmark.
"""

import argparse
import json
import os
import platform
import random
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import psycopg
import redis

from benchmarks.foretold_lists import LENGTH, Answer, expected, user_id, write_lists
from pipeline.publishing.postgresql import PostgreSql
from pipeline.publishing.redis import READ, Redis
from pipeline.publishing.sqlite import Sqlite
from tests.end_to_end import servers

ROOT: Final = Path(__file__).resolve().parent.parent
RESULTS: Final = Path(__file__).resolve().parent / "results" / "publishing.jsonl"
RUNS: Final = ("old", "new")
PAUSE_SECONDS: Final = 0.001  # between reads: a reader that never pauses would take a core from the publisher
AFTER_SECONDS: Final = 2.0
AWAY: Final = (psycopg.OperationalError, redis.RedisError, sqlite3.OperationalError)

Reader = Callable[[str], Answer]


def main() -> None:
    """Make the lists, publish them to every target named, print and keep the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = ", ".join(TARGETS)
    parser.add_argument("targets", nargs="*", default=list(TARGETS), metavar="TARGET", help=names)
    parser.add_argument("--lists", type=int, default=500_000)
    parser.add_argument("--folder", type=Path, help="where the lists are put; a temporary folder if left out")
    parser.add_argument("--poll", metavar="ADDRESS", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.poll:
        print(json.dumps(asdict(polled(TARGETS[asked.targets[0]].reader, asked.poll, asked.lists))))
        return
    if unknown := sorted(set(asked.targets) - set(TARGETS)):
        parser.error(f"TARGET must be one of {names}. Got {unknown[0]!r}.")
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.folder or Path(scratch)
        for run in RUNS:
            write_lists(folder / run, run, asked.lists)
        for name in asked.targets:
            line = measured(name, folder, asked.lists)
            print(json.dumps(line, indent=1))
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            if line["violations"]:
                raise SystemExit(f"{name}: {line['violations']} violations")
    print(f"Appended to {RESULTS}")


def measured(name: str, folder: Path, n_lists: int) -> dict[str, Any]:
    """The old run published, then the new one with a kill half-way, then once more; a line of results."""
    load = os.getloadavg()[0]
    with TARGETS[name].place() as place:
        first = published(folder / "old", name, place)
        with reader_of(name, place.address, n_lists) as reader:
            half = published(folder / "new", name, place, kill_after=first["seconds"] / 2)
            start = time.perf_counter()
            if place.server is not None:
                place.server.start()
            recovery = time.perf_counter() - start
            last = published(folder / "new", name, place)
            time.sleep(AFTER_SECONDS)
            found = json.loads(reader.communicate()[0])
    if (first["code"], last["code"]) != (0, 0) or half["code"] != place.code_of_killed:
        raise SystemExit(f"{name}: publications ended in other ways than expected: {first}, {half}, {last}")
    unseen = [run for run in RUNS if not found["seen"][run]]
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "target": name,
        "lists": n_lists,
        "rows": n_lists * LENGTH,
        "first": first | {"lists_a_second": round(n_lists / first["seconds"])},
        "killed": half,
        "seconds_to_start_again": round(recovery, 2),
        "rerun": last | {"lists_a_second": round(n_lists / last["seconds"])},
        "reader": found | {"mixed": found["mixed"][:5]},
        "violations": len(found["mixed"]) + found["back"] + len(unseen),
        "processor": platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load": round(load, 2),
    }


# Targets


@dataclass(frozen=True)
class Place:
    """Where lists are published.

    Parameters
    ----------
    address : str
    overrides : sequence of str
        Of the command.
    environment : mapping of str to str
    server : Server or None
        None: there is none, and the publisher is killed instead.
    """

    address: str
    overrides: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    server: servers.Server | None = None

    @property
    def code_of_killed(self) -> int:
        """How the command ends when the server, or else itself, is killed."""
        return -9 if self.server is None else 5


@dataclass(frozen=True)
class Target:
    """A target by its place and its reader."""

    place: Callable[[], AbstractContextManager[Place]]
    reader: Callable[[str], Reader]


@contextmanager
def _postgresql() -> Iterator[Place]:
    with servers.postgresql(synced=True) as server:
        yield Place(server.address, (), {PostgreSql().dsn_env: server.address}, server)


@contextmanager
def _redis() -> Iterator[Place]:
    with servers.redis(fsync="everysec") as server:
        yield Place(server.address, (), {Redis().url_env: server.address}, server)


@contextmanager
def _sqlite() -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as folder:
        yield Place(f"{folder}/lists.sqlite", (f"target.path={folder}/lists.sqlite",))


def _postgresql_reader(address: str) -> Reader:
    connection = psycopg.connect(address, autocommit=True, cursor_factory=psycopg.RawCursor)
    return lambda user: answered(connection.execute(PostgreSql().reading.encode(), (user,)))


def _redis_reader(address: str) -> Reader:
    """One command and two, in turn."""
    client: Any = redis.Redis.from_url(address)
    prefix, turn = Redis().prefix, iter(range(sys.maxsize))

    def read(user: str) -> Answer:
        if next(turn) % 2:
            text = client.eval(READ, 1, prefix, user)
        else:
            text = client.get(f"{prefix}:{client.get(f'{prefix}:current').decode()}:{user}")
        return answered(json.loads(text or "[]"))

    return read


def _sqlite_reader(address: str) -> Reader:
    connection = sqlite3.connect(address, timeout=30)
    return lambda user: answered(connection.execute(Sqlite(path=address).reading, (user,)))


def answered(entries: Iterable[Sequence[Any]]) -> Answer:
    """Entries of item, score and sources, in a form that is compared at once."""
    rows = list(entries)
    score = np.array([row[1] for row in rows], np.float32)
    return [row[0] for row in rows], score.tobytes(), [row[2] for row in rows]


TARGETS: Final = {
    "postgresql": Target(_postgresql, _postgresql_reader),
    "redis": Target(_redis, _redis_reader),
    "sqlite": Target(_sqlite, _sqlite_reader),
}


# The publisher and the reader, each a process of its own


def published(lists: Path, target: str, place: Place, kill_after: float | None = None) -> dict[str, Any]:
    """`glowrank publish`: seconds with the start of the process, exit code, peak memory, what it said."""
    command = [sys.executable, "-m", "scripts.main", "publish", f"lists={lists}", f"target={target}"]
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [*command, *place.overrides],
            cwd=ROOT,
            env={**os.environ, **place.environment},
            stdout=said,
            stderr=said,
        )
        if kill_after is not None:
            time.sleep(kill_after)
            process.kill() if place.server is None else place.server.kill()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        said.seek(0)
        last = said.read().splitlines()[-1:]
    return {
        "code": os.waitstatus_to_exitcode(status),
        "seconds": round(seconds, 1),
        "processor_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_rss_mb": round(usage.ru_maxrss / 1024),
        "said": "".join(last),
    }


@contextmanager
def reader_of(target: str, address: str, n_users: int) -> "Iterator[subprocess.Popen[str]]":
    """A process that reads until its standard input is closed, and then says what it saw."""
    command = [sys.executable, "-m", "benchmarks.publishing", target, "--poll", address]
    command += ["--lists", str(n_users)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


@dataclass
class Polled:
    """What a reader saw.

    Parameters
    ----------
    reads : int
        Answers that were lists.
    away : int
        Reads that nobody answered.
    seen : mapping of str to int
        Answers by run.
    mixed : list of str
        Users whose answer was the list of neither run: violations.
    back : int
        Answers of the old run after one of the new: violations.
    median_ms, slowest_ms : float
        Of the reads that were answered.
    """

    reads: int = 0
    away: int = 0
    seen: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RUNS, 0))
    mixed: list[str] = field(default_factory=list)
    back: int = 0
    median_ms: float = 0.0
    slowest_ms: float = 0.0

    def note(self, user: int, answer: Answer) -> None:
        """Take an answer in."""
        self.reads += 1
        run = next((run for run in RUNS if answer == expected(run, user)), None)
        if run is None:
            self.mixed.append(user_id(user))
            return
        self.back += run == "old" and self.seen["new"] > 0
        self.seen[run] += 1


def polled(connect: Callable[[str], Reader], address: str, n_users: int) -> Polled:
    """Ask for users at random until standard input ends, connecting anew where the server went away."""
    found, draw, ended, took = Polled(), random.Random(0), threading.Event(), []

    def wait() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    read: Reader | None = None
    while not ended.is_set():
        user = draw.randrange(n_users)
        try:
            read = read or connect(address)
            start = time.perf_counter()
            answer = read(user_id(user))
        except AWAY:
            found.away, read = found.away + 1, None
            time.sleep(0.05)
        else:
            took.append(1000 * (time.perf_counter() - start))
            found.note(user, answer)
            time.sleep(PAUSE_SECONDS)
    found.median_ms, found.slowest_ms = round(float(np.median(took)), 2), round(max(took), 1)
    return found


if __name__ == "__main__":
    main()
