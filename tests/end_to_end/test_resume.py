"""Lists are written once, whatever ends the process: killed, told to stop, out of disk, two at once."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from dataset.snapshot import Requests, Snapshot
from pipeline.lists_folder import CERTIFICATE, LOCK, PARTS, PLAN, SUCCESS, ListsFolder, Part
from pipeline.recommendation import Answers, Lists
from tests.end_to_end.commands import Command, Outcome

pytestmark = pytest.mark.slow

SETTINGS = ("threads=1", "n=12", "part_size=20", "block_size=8")
N_PARTS = 8

# The command in processes of their own, in which something happens at a moment in the life of the folder:
# when a file in it is opened, renamed or taken away, when one is about to be brought to the disk, or when a
# part is there. Each is a fork, so that what is imported is imported once.
CHILD = """
import json, os, signal, sys, time

def prepare(out, what, at):
    seen = -1

    def moment():
        nonlocal seen
        seen += 1
        return seen == at

    def touched(event, arguments):
        if event in ("open", "os.rename", "os.remove") and str(arguments[0]).startswith(out) and moment():
            os.kill(os.getpid(), signal.SIGKILL)

    def torn(handle, fsync=os.fsync):
        path = os.readlink(f"/proc/self/fd/{handle}")
        if path.startswith(out + "/") and moment():
            size = os.path.getsize(path)
            os.truncate(path, size - min(size // 2, 70))
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(handle)

    def stuck(folder, number, table, counts, add=ListsFolder.add):
        if number == at:
            print("here", flush=True)
            time.sleep(120)
        return add(folder, number, table, counts)

    if what == "touch":
        sys.addaudithook(touched)
    elif what == "tear":
        os.fsync = torn
    elif what == "hang":
        ListsFolder.add = stuck
    elif what == "fill":
        resource.setrlimit(resource.RLIMIT_FSIZE, (at, at))

import resource
import scripts.main, scripts.recommend
from pipeline.engines import engine
from pipeline.lists_folder import ListsFolder

for out, what, at in json.loads(sys.argv[1]):
    if not (pid := os.fork()):
        engine._PROCESS = os.getpid()  # nothing was computed yet, so the fork has lost no threads
        sys.argv = ["glowrank", *sys.argv[2:], f"out={out}"]
        prepare(out, what, at)
        scripts.main.main()
        sys.exit(0)
    print(json.dumps(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])), flush=True)
"""

Moment = tuple[Path, str, int]
Child = Callable[..., "subprocess.Popen[str]"]
Rows = npt.NDArray[np.int64]
Recommend = Callable[..., Outcome]


@pytest.fixture(scope="module")
def arguments(shop_run: Path, cache: str) -> tuple[str, ...]:
    return ("recommend", f"run={shop_run}", cache, *SETTINGS)


@pytest.fixture(scope="module")
def recommend(glowrank: Command, arguments: tuple[str, ...]) -> Recommend:
    """The command in this process."""
    return lambda out, *overrides: glowrank(*arguments, f"out={out}", *overrides)


@pytest.fixture(scope="module")
def whole(recommend: Recommend, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Lists that were written without a break."""
    out = tmp_path_factory.mktemp("whole") / "lists"
    assert recommend(out).code == 0
    assert len(list(out.glob("part-*"))) == N_PARTS
    return out


@pytest.fixture
def child(repository: Path, arguments: tuple[str, ...]) -> Child:
    """Start the command once for each folder, one after the other, with what happens there and when."""

    def run(moments: Sequence[Moment], *overrides: str) -> "subprocess.Popen[str]":
        told = json.dumps([(str(out), what, at) for out, what, at in moments])
        command = [sys.executable, "-c", CHILD, told, *arguments, *overrides]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=repository, stdout=pipe, stderr=pipe, text=True)

    return run


def codes(process: "subprocess.Popen[str]") -> list[int]:
    """How each of the commands ended."""
    out, _ = process.communicate(timeout=300)
    return [int(line) for line in out.splitlines() if re.fullmatch(r"-?\d+", line)]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def copied(whole: Path, tmp_path: Path, *, finished: bool = False) -> Path:
    """The folder as it is when the last part has been written, or when all is done."""
    out = Path(shutil.copytree(whole, tmp_path / "lists"))
    if not finished:
        (out / SUCCESS).unlink()
        (out / CERTIFICATE).unlink()
    return out


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Queries whose lists are computed, in order."""
    rows: list[int] = []
    lists = Answers.lists

    def noted(self: Answers, block: Rows) -> Lists:
        rows.extend(block.tolist())
        return lists(self, block)

    monkeypatch.setattr(Answers, "lists", noted)
    return rows


# Gaps are filled, and nothing else is computed


def test_finished_lists_are_left_alone(
    recommend: Recommend, whole: Path, tmp_path: Path, computed: list[int]
) -> None:
    out = copied(whole, tmp_path, finished=True)
    times = {path.name: path.stat().st_mtime_ns for path in out.iterdir()}
    outcome = recommend(out)
    assert outcome.code == 0, outcome.err
    assert "These lists are finished" in outcome.out
    assert "rows for 150 users" in outcome.out
    assert computed == []
    assert {path.name: path.stat().st_mtime_ns for path in out.iterdir()} == times
    outcome = recommend(out, "resume=false")
    assert outcome.code == 0, outcome.err
    assert computed == list(range(150))
    assert contents(out) == contents(whole)


@pytest.mark.parametrize(
    ("how", "finished"),
    [
        ("flipped", False),
        *(
            pytest.param(how, finished, marks=pytest.mark.slow)
            for how in ("flipped", "cut", "gone", "no line", "torn line")
            for finished in (False, True)
            if (how, finished) != ("flipped", False)
        ),
    ],
)
def test_only_a_damaged_part_is_made_again(
    recommend: Recommend, whole: Path, tmp_path: Path, computed: list[int], how: str, finished: bool
) -> None:
    out = copied(whole, tmp_path, finished=finished)
    damaged = {"no line": 0, "torn line": N_PARTS - 1}.get(how, 2)
    part, lines = out / f"part-{damaged:05d}.parquet", (out / PARTS).read_bytes()
    content = bytearray(part.read_bytes())
    if how == "flipped":
        content[len(content) // 3] ^= 1
        part.write_bytes(content)
    elif how == "cut":
        part.write_bytes(content[:-1])
    elif how == "gone":
        part.unlink()
    elif how == "no line":
        (out / PARTS).write_bytes(lines.partition(b"\n")[2])
    else:
        (out / PARTS).write_bytes(lines[:-20])
    outcome = recommend(out)
    assert outcome.code == 0, outcome.err
    assert f"{N_PARTS - 1} of {N_PARTS} parts are there" in outcome.out
    assert computed == list(range(damaged * 20, min(damaged * 20 + 20, 150)))
    assert contents(out) == contents(whole)


def test_nothing_is_fitted_for_parts_that_are_all_there(
    recommend: Recommend, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def loaded(*arguments: object) -> None:
        pytest.fail("the model was loaded")

    monkeypatch.setattr("pipeline.recommendation_application.FittedTwoStage.load", loaded)
    out = copied(whole, tmp_path)
    assert recommend(out).code == 0
    assert contents(out) == contents(whole)


@pytest.mark.parametrize(
    ("override", "finished"),
    [
        ("n=13", True),
        pytest.param("n=13", False, marks=pytest.mark.slow),
        pytest.param("as_of=test", False, marks=pytest.mark.slow),
        pytest.param("users=warm", False, marks=pytest.mark.slow),
        pytest.param("part_size=21", False, marks=pytest.mark.slow),
        pytest.param("block_size=9", False, marks=pytest.mark.slow),
    ],
)
def test_a_changed_plan_is_refused(
    recommend: Recommend, whole: Path, tmp_path: Path, override: str, finished: bool
) -> None:
    out = copied(whole, tmp_path, finished=finished)
    before = contents(out)
    outcome = recommend(out, override)
    assert outcome.code == 2
    name, _, value = override.partition("=")
    assert re.search(rf"where {name} was \w+ and now is {value}\. .*resume=false", outcome.sentence)
    assert contents(out) == before


def test_lists_of_another_run_are_refused(
    glowrank: Command, shop_run: Path, whole: Path, cache: str, tmp_path: Path
) -> None:
    out, other = copied(whole, tmp_path), Path(shutil.copytree(shop_run, tmp_path / "other"))
    before = contents(out)
    outcome = glowrank("recommend", f"run={other}", f"out={out}", cache, *SETTINGS)
    assert outcome.code == 2
    assert re.search(r"where run was run-[0-9a-f]{8} and now is other-[0-9a-f]{8}\.", outcome.sentence)
    assert contents(out) == before


@pytest.mark.parametrize("name", ["data", "code", "run_manifest", "glowrank", "libraries"])
def test_what_the_lists_depend_on_is_in_the_plan(
    recommend: Recommend, whole: Path, tmp_path: Path, name: str
) -> None:
    out = copied(whole, tmp_path)
    plan = json.loads((out / PLAN).read_text())
    (out / PLAN).write_text(json.dumps({**plan, name: {"numpy": "1"} if name == "libraries" else "1"}))
    outcome = recommend(out)
    assert outcome.code == 2
    assert f"where {name}" in outcome.sentence


@pytest.mark.parametrize("override", ["threads=2", "engine=serial", "cache_dir=null"])
def test_what_changes_no_list_may_change(
    recommend: Recommend, whole: Path, tmp_path: Path, override: str
) -> None:
    out = copied(whole, tmp_path)
    for number in (1, 5):
        (out / f"part-{number:05d}.parquet").unlink()
    outcome = recommend(out, override)
    assert outcome.code == 0, outcome.err
    assert contents(out) == contents(whole)


def test_a_broken_promise_is_certified_and_not_marked(
    recommend: Recommend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requests, lists = Snapshot.requests, Answers.lists

    def careless(self: Snapshot, rows: Rows) -> Requests:
        answered = requests(self, rows)
        everything = replace(answered.eligibility, available=np.ones(len(self.items), bool))
        return replace(answered, eligibility=everything)

    def carelessly(self: Answers, rows: Rows) -> Lists:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Snapshot, "requests", careless)
            return lists(self, rows)

    monkeypatch.setattr(Answers, "lists", carelessly)
    out = tmp_path / "lists"
    for _ in range(2):  # the second time from the parts that are there
        outcome = recommend(out, "engine=serial")
        assert outcome.code == 4, outcome.err
        assert re.search(r"out_of_stock \d+.*certificate\.json", outcome.sentence)
        assert json.loads((out / CERTIFICATE).read_text())["violations"]["out_of_stock"] > 0
        assert not (out / SUCCESS).exists()


# What ends the process


def after(number: int, *signals: signal.Signals) -> Callable[..., Part]:
    """`ListsFolder.add`, with signals that come while a part is written."""
    add = ListsFolder.add

    def told(self: ListsFolder, at: int, table: pa.Table, counts: Mapping[str, int]) -> Part:
        if at == number:
            for one in signals:
                os.kill(os.getpid(), one)
        return add(self, at, table, counts)

    return told


@pytest.mark.parametrize(
    ("signals", "code", "there"),
    [
        ((signal.SIGTERM,), 143, 3),
        pytest.param((signal.SIGTERM, signal.SIGTERM), 143, 2, marks=pytest.mark.slow),
        pytest.param((signal.SIGINT,), 130, 2, marks=pytest.mark.slow),
    ],
)
def test_told_to_stop_it_goes_on_later(
    recommend: Recommend,
    whole: Path,
    tmp_path: Path,
    computed: list[int],
    signals: tuple[signal.Signals, ...],
    code: int,
    there: int,
) -> None:
    """SIGTERM lets the part be finished, a second one and SIGINT do not."""
    out = tmp_path / "lists"
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # ignored where tests run in the background
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ListsFolder, "add", after(2, *signals))
            outcome = recommend(out)
    finally:
        signal.signal(signal.SIGINT, before)
    assert outcome.code == code
    assert ("same command goes on" in outcome.err) == (there == 3)
    names = {f"part-{number:05d}.parquet" for number in range(there)} | {PLAN, PARTS}
    assert {path.name for path in out.iterdir()} == names
    computed.clear()
    outcome = recommend(out)
    assert outcome.code == 0, outcome.err
    assert computed == list(range(there * 20, 150))
    assert contents(out) == contents(whole)


def test_told_to_stop_before_the_lists_it_stops_at_once(
    recommend: Recommend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ListsFolder, "begin", lambda *arguments: os.kill(os.getpid(), signal.SIGTERM))
    assert recommend(tmp_path / "lists").code == 143
    assert list((tmp_path / "lists").iterdir()) == []


def test_killed_anywhere_the_lists_are_the_same_in_the_end(
    child: Child, recommend: Recommend, whole: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(6)
    touches, tears = rng.choice(66, 13, replace=False), rng.choice(20, 7, replace=False)
    moments = [(tmp_path / f"touch-{at}", "touch", int(at)) for at in touches]
    moments += [(tmp_path / f"tear-{at}", "tear", int(at)) for at in tears]
    assert codes(child(moments)) == [-signal.SIGKILL] * 20
    kept = set()
    for out, _, _ in moments:
        assert not (out / SUCCESS).exists() or b'"parts": 8' in (out / SUCCESS).read_bytes()
        for path in out.glob("part-*.parquet"):  # under its name, a part is whole
            assert path.read_bytes() == (whole / path.name).read_bytes()
        outcome = recommend(out)
        assert outcome.code == 0, (out, outcome.err)
        assert contents(out) == contents(whole), out
        kept.add(outcome.out.partition(" parts are there")[0][:6])
    assert len(kept) > 5  # the points were spread


def test_killed_while_other_lists_are_replaced_no_mixture_is_marked(
    child: Child, recommend: Recommend, whole: Path, tmp_path: Path
) -> None:
    older = tmp_path / "older"
    assert recommend(older, "n=5").code == 0
    rng = np.random.default_rng(7)
    moments = [(tmp_path / str(at), "touch", int(at)) for at in rng.choice(range(3, 40), 8, replace=False)]
    for out, _, _ in moments:
        shutil.copytree(older, out)
    assert codes(child(moments, "resume=false")) == [-signal.SIGKILL] * 8
    refused = 0
    for out, _, _ in moments:
        if (out / SUCCESS).exists():  # killed before anything was touched
            assert {name: content for name, content in contents(out).items() if name != LOCK} == contents(
                older
            )
        outcome = recommend(out)
        if outcome.code == 2:
            refused += 1
            assert "n was 5 and now is 12" in outcome.sentence
            outcome = recommend(out, "resume=false")
        assert outcome.code == 0, outcome.err
        assert contents(out) == contents(whole), out
    assert 0 < refused < 8  # both sides of the moment when the plan is replaced


def test_killed_again_and_again_it_gets_there(child: Child, whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "lists"
    ended = codes(child([(out, "tear", 8)] * 6))
    assert ended[:3] == [-signal.SIGKILL] * 3
    assert ended[-1] == 0
    assert contents(out) == contents(whole)


def test_killed_at_any_time_the_lists_are_the_same_in_the_end(
    child: Child, recommend: Recommend, whole: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng()
    for at in range(3):
        out = tmp_path / str(at)
        with child([(out, "nothing", 0)]) as process:
            while not (out / LOCK).exists():
                assert process.poll() is None
                time.sleep(0.005)
            pid = holder(out)
            time.sleep(float(rng.uniform(0, 2.5)))
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            process.communicate()
        outcome = recommend(out)
        assert outcome.code == 0, outcome.err
        assert contents(out) == contents(whole)


def holder(out: Path) -> int:
    """Who holds the folder, as soon as it has said so."""
    while True:
        with suppress(ValueError):
            return int(json.loads((out / LOCK).read_text())["pid"])


def test_a_disk_that_fills_marks_nothing_and_goes_on_later(
    child: Child, recommend: Recommend, whole: Path, tmp_path: Path
) -> None:
    sizes = [path.stat().st_size for path in sorted(whole.glob("part-*"))]
    limit = max(sizes) - 1
    out = tmp_path / "lists"
    process = child([(out, "fill", limit)])
    shown, said = process.communicate(timeout=120)
    assert shown.splitlines()[-1] == "5", said
    assert "Traceback" not in said
    assert "File too large" in said.splitlines()[-1]
    whole_parts = {f"part-{number:05d}.parquet" for number in range(sizes.index(max(sizes)))}
    assert {path.name for path in out.iterdir()} == whole_parts | {PLAN, PARTS}
    assert recommend(out).code == 0
    assert contents(out) == contents(whole)


def test_the_second_of_two_gives_way_at_once(
    child: Child, recommend: Recommend, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "lists"
    with child([(out, "hang", 1)]) as first:
        assert first.stdout is not None
        while first.stdout.readline() != "here\n":
            assert first.poll() is None
        pid, before = holder(out), contents(out)
        for overrides in ((), ("n=3",), ("resume=false",)):
            outcome = recommend(out, *overrides)
            assert outcome.code == 5
            assert f"process {pid} on " in outcome.sentence
            assert "preparation" not in outcome.err  # it did not even read the data
        assert contents(out) == before
        os.kill(pid, signal.SIGKILL)
    assert (out / LOCK).exists()
    outcome = recommend(out)
    assert outcome.code == 0, outcome.err
    assert contents(out) == contents(whole)
