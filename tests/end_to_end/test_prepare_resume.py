"""Tables are whole or absent, whatever ends the process: killed, told to stop, out of disk, two at once."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.artefacts import MANIFEST
from pipeline.locks import held
from pipeline.preparation import preparing
from tests.end_to_end.commands import Command

pytestmark = pytest.mark.slow

MAPPING = """
timezone: UTC
items:
  file: products.csv
  columns: {item: sku, name: title, price: price}
interactions:
  file: events*.csv
  columns: {user: who, item: sku, kind: kind, timestamp: at}
"""

# The command in processes of their own, killed at a moment in the life of the folder: when a file in
# it is opened, renamed, linked or taken away, or when one is about to be brought to the disk. Each is a fork,
# so that what is imported is imported once.
CHILD = """
import json, os, resource, signal, sys

def prepare(out, what, at):
    seen = -1

    def moment():
        nonlocal seen
        seen += 1
        return seen == at

    def touched(event, arguments):
        if event in ("open", "os.rename", "os.remove", "os.link") and out in str(arguments[0]) and moment():
            os.kill(os.getpid(), signal.SIGKILL)

    def torn(handle, fsync=os.fsync):
        path = os.readlink(f"/proc/self/fd/{handle}")
        if path.startswith(out + "/") and os.path.isfile(path) and moment():
            os.truncate(path, os.path.getsize(path) // 2)
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(handle)

    if what == "touch":
        sys.addaudithook(touched)
    elif what == "tear":
        os.fsync = torn
    elif what == "fill":
        resource.setrlimit(resource.RLIMIT_FSIZE, (at, at))

import scripts.main, scripts.prepare

for out, what, at in json.loads(sys.argv[1]):
    if not (pid := os.fork()):
        sys.argv = ["glowrank", *sys.argv[2:], f"out={out}"]
        prepare(out, what, at)
        scripts.main.main()
        sys.exit(0)
    print(json.dumps(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])), flush=True)
"""


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """A shop of two files of events, in a folder of its own."""
    folder = tmp_path_factory.mktemp("raw")
    (folder / "mapping.yaml").write_text(MAPPING)
    (folder / "products.csv").write_text("sku,title,price\n" + "".join(f"p{at},P,1.5\n" for at in range(9)))
    for number in range(2):
        days = pd.Timestamp("2023-01-01") + pd.to_timedelta(np.arange(200) + 30 * number, unit="D")
        rows = [f"u{at % 7},p{at % 10 % 9},view,{day}\n" for at, day in enumerate(days)]
        (folder / f"events{number}.csv").write_text("who,sku,kind,at\n" + "".join(rows))
    return (
        "prepare",
        "dataset=tables",
        f"dataset.path={folder}",
        f"dataset.mapping={folder / 'mapping.yaml'}",
    )


@pytest.fixture(scope="module")
def whole(glowrank: Command, arguments: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tables that were written without a break."""
    out = tmp_path_factory.mktemp("whole") / "tables"
    outcome = glowrank(*arguments, f"out={out}")
    assert outcome.code == 0, outcome.err
    return out


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but what is remembered for the next run."""
    ours = {".staged", ".lock"}  # a lock that nobody holds is taken over
    paths = [path for path in folder.rglob("*") if path.is_file() and not ours & set(path.parts)]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(paths)}


def ended(repository: Path, arguments: tuple[str, ...], moments: list[tuple[Path, str, int]]) -> list[int]:
    """How the command ended in each of the folders."""
    told = json.dumps([(str(out), what, at) for out, what, at in moments])
    command = [sys.executable, "-c", CHILD, told, *arguments]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, timeout=600, check=True)
    return [int(line) for line in done.stdout.splitlines() if re.fullmatch(r"-?\d+", line)]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), pytest.param(signal.SIGINT, 130, marks=pytest.mark.slow)]
)
def test_told_to_stop_it_goes_on_later(
    glowrank: Command,
    arguments: tuple[str, ...],
    whole: Path,
    tmp_path: Path,
    number: signal.Signals,
    code: int,
) -> None:
    out = tmp_path / "tables"
    read: list[str] = []

    def noted(stop_at: int) -> Callable[..., None]:
        def stage(
            stream: Any, piece: Any, *others: Any, stage: Callable[..., None] = preparing.stage
        ) -> None:
            read.append(piece.name)
            if len(read) == stop_at:
                os.kill(os.getpid(), number)
            stage(stream, piece, *others)

        return stage

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(preparing, "stage", noted(2))
            outcome = glowrank(*arguments, f"out={out}")
    finally:
        signal.signal(signal.SIGINT, before)
    assert outcome.code == code
    assert contents(out) == {}
    done = read[:1]
    read.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "stage", noted(0))
        assert glowrank(*arguments, f"out={out}").code == 0
    assert len(read) == 2
    assert done[0] not in read
    assert contents(out) == contents(whole)


def test_two_at_once_and_nothing_to_do(glowrank: Command, arguments: tuple[str, ...], whole: Path) -> None:
    with held(whole / ".lock"):
        outcome = glowrank(*arguments, f"out={whole}")
        assert outcome.code == 5
        assert "One process at a time" in outcome.sentence
    outcome = glowrank(*arguments, f"out={whole}")
    assert outcome.code == 0
    assert "Nothing to do" in outcome.out


def test_killed_anywhere_the_tables_are_the_same_in_the_end(
    glowrank: Command, repository: Path, arguments: tuple[str, ...], whole: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(8)
    touches, tears = rng.choice(140, 14, replace=False), rng.choice(30, 6, replace=False)
    moments = [(tmp_path / f"touch-{at}", "touch", int(at)) for at in touches]
    moments += [(tmp_path / f"tear-{at}", "tear", int(at)) for at in tears]
    assert ended(repository, arguments, moments) == [-signal.SIGKILL] * 20
    anew = set()
    for out, _, _ in moments:
        assert not (out / MANIFEST).exists()
        outcome = glowrank(*arguments, f"out={out}")
        assert outcome.code == 0, (out, outcome.err)
        assert contents(out) == contents(whole), out
        anew |= set(re.findall(r"Done now: (.*)\.", outcome.out))
    assert len(anew) > 3  # the points were spread


def test_a_full_disk_publishes_nothing(
    glowrank: Command, repository: Path, arguments: tuple[str, ...], whole: Path, tmp_path: Path
) -> None:
    moments = [(tmp_path / str(size), "fill", size) for size in (0, 600, 3_000)]
    assert ended(repository, arguments, moments) == [5] * 3
    for out, _, _ in moments:
        assert contents(out) == {}
        assert glowrank(*arguments, f"out={out}").code == 0
        assert contents(out) == contents(whole)
