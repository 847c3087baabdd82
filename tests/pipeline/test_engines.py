"""The engines themselves: order, what travels, what is refused, and what a killed worker leaves behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from dataset.errors import ArtefactError, ConfigurationError, ParameterError, ResourceError
from dataset.ragged import Ragged
from dataset.vectors import Vectors
from features.feature_set import FittedFeatures
from pipeline.cache import Cache, Maybe, place_of
from pipeline.engines import Dask, Processes, Serial, Threads, engine, scratch, tasks
from pipeline.progress import Stopwatch
from pipeline.stage_one import StageOne
from pipeline.two_stage import FittedTwoStage
from ranking.retrieval_order import RetrievalOrder
from retrieval.fusion import FittedRetrieval

WORLD = tuple(range(7))


@dataclass(frozen=True)
class World:
    """A context with one of everything."""

    rows: Ragged
    pair: tuple[Ragged, Ragged]
    named: dict[str, Ragged]
    cache: Cache
    flag: str
    stopwatch: Stopwatch


def world(folder: Path, values: int = 5) -> World:
    rows = Ragged(np.array([0, 2, values], np.int64), np.arange(values, dtype=np.int32))
    other = Ragged.empty(3)
    return World(rows, (rows, other), {"a b": rows}, Cache(folder / "cache"), str(folder), Stopwatch())


def total(given: World, part: int) -> tuple[int, int, int]:
    with given.stopwatch.inside("adding"):
        assert given.pair[0] is given.rows is given.named["a b"]
        return part, int(given.rows.values.sum()), len(given.pair[1])


def where(given: World, part: int) -> int:
    return os.getpid()


def saved(given: World, part: int) -> Maybe:
    return given.cache.remember("kind", f"{part:032d}", lambda: Maybe(Ragged.empty(part)))


def saved_nowhere(given: World, part: int) -> Maybe:
    return Maybe(Ragged.empty(part))


def killed_once(given: World, part: int) -> tuple[int, str]:
    """The fourth part ends its process the first time."""
    flag = Path(given.flag) / "killed"
    if part == 3 and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return part, multiprocessing.current_process().name


def killed(given: World, part: int) -> int:
    if part == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return part


def refused(given: World, part: int) -> int:
    if part == 2:
        raise ParameterError("World", "part", "an int", part)
    if part == 4:
        raise ArtefactError("A file must be there. Got none.")
    return part


def failed(given: World, part: int) -> int:
    raise FileNotFoundError(2, "nothing there", "x")


def multiplied(given: World, part: int) -> np.ndarray:
    """Its last bits depend on the number of threads of BLAS."""
    matrix = np.random.default_rng(part).normal(size=(300, 3000)).astype(np.float32)
    return matrix @ matrix.T


@pytest.fixture(scope="module")
def processes():
    return Processes(workers=2)


@pytest.fixture(scope="module")
def dask():
    pytest.importorskip("distributed")
    return Dask(workers=2)


IN_PROCESS = (Serial(), Threads(threads=1), Threads(threads=3))


@pytest.fixture(
    params=[
        *IN_PROCESS,
        pytest.param("processes", marks=pytest.mark.slow),
        pytest.param("dask", marks=pytest.mark.slow),
    ],
    ids=["serial", "one thread", "three threads", "processes", "dask"],
)
def any_engine(request):
    return request.getfixturevalue(request.param) if isinstance(request.param, str) else request.param


@pytest.fixture(params=["processes", "dask"])
def remote(request):
    return request.getfixturevalue(request.param)


def test_results_come_in_the_order_of_the_parts(any_engine, tmp_path):
    given = world(tmp_path)
    assert list(any_engine.map(total, given, WORLD)) == [(part, 10, 3) for part in WORLD]
    assert given.stopwatch.inside_blocks["adding"] > 0
    assert list(any_engine.map(total, given, ())) == []


def test_saved_results_are_remembered_and_come_back(any_engine, tmp_path):
    given = world(tmp_path)
    for function in (saved, saved, saved_nowhere):
        found = list(any_engine.map(function, given, WORLD))
        assert [len(maybe.value) for maybe in found] == list(WORLD)
        assert all(isinstance(maybe, Maybe) for maybe in found)
    assert len(list((tmp_path / "cache" / "kind").iterdir())) == len(WORLD)


def test_our_errors_keep_their_class_and_others_are_raised(any_engine, tmp_path):
    given = world(tmp_path)
    with pytest.raises(ConfigurationError, match="'part' parameter of World must be an int"):
        list(any_engine.map(refused, given, WORLD))
    results = any_engine.map(refused, given, (0, 1, 4))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ArtefactError, match="A file must be there"):
        next(results)
    with pytest.raises(FileNotFoundError):
        list(any_engine.map(failed, given, WORLD))


def test_kernels_have_one_thread(any_engine, tmp_path):
    expected = [multiplied(world(tmp_path), part) for part in (0, 1)]
    found = list(any_engine.map(multiplied, world(tmp_path), (0, 1)))
    for ours, theirs in zip(expected, found, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("given", IN_PROCESS, ids=["serial", "one thread", "three threads"])
def test_no_more_than_twice_the_threads_are_ahead(given, tmp_path):
    seen = []

    def note(context, part):
        seen.append(part)
        return part

    results = given.map(note, world(tmp_path), range(100))
    assert next(results) == 0
    time.sleep(0.05)
    assert len(seen) <= 2 * given.budget
    results.close()


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: Processes(workers=0), "workers"),
        (lambda: Processes(retries=-1), "retries"),
        (lambda: Processes(scratch=7), "scratch"),
        (lambda: Dask(workers="two"), "workers"),
        (lambda: Dask(address="10.0.0.5"), "address"),
        (lambda: Threads(threads=0), "threads"),
    ],
)
def test_settings_are_checked(make, name):
    with pytest.raises(ParameterError, match=f"'{name}'"):
        make()


def test_a_missing_package_is_named_with_the_line_that_installs_it(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'glowrank\[dask\]'"):
        list(Dask(workers=1).map(total, world(tmp_path), WORLD))


def test_a_value_is_written_once_and_goes_with_it(tmp_path):
    folder, given = scratch.Scratch(tmp_path), world(tmp_path)
    first = folder.plan(given)
    assert folder.plan(given) == first
    written = {path.name for path in folder.folder.iterdir()} - {scratch.LOCK, scratch.RESULTS}
    assert len(written) == 3  # the rows, of which there are three, the empty ones, and the cache
    again = tasks._context(tasks.Job.of(total, given, folder))
    assert again.rows is again.pair[0]
    np.testing.assert_array_equal(again.rows.values, given.rows.values)
    assert again.cache == given.cache
    assert again.stopwatch is not given.stopwatch
    del given
    assert {path.name for path in folder.folder.iterdir()} == {scratch.LOCK, scratch.RESULTS}
    folder.close()
    assert not list(tmp_path.glob("glowrank-*"))


def test_arrays_are_mapped_and_the_file_stays_as_it_is(tmp_path):
    folder, given = scratch.Scratch(tmp_path), world(tmp_path, 40_000)
    job = tasks.Job.of(total, given, folder)
    opened = tasks._context(job)
    files = {path: path.read_bytes() for path in folder.folder.rglob("*.npy")}
    opened.rows.values[:] = -1  # compiled kernels ask for writable arrays
    assert {path: path.read_bytes() for path in folder.folder.rglob("*.npy")} == files
    maps = Path("/proc/self/maps").read_text()
    assert str(folder.folder) in maps
    folder.close()


def test_a_folder_that_was_changed_is_refused(tmp_path):
    folder = scratch.Scratch(tmp_path)
    for change in ("values.npy", "manifest.json"):
        given = world(tmp_path)
        job = tasks.Job.of(total, given, folder)
        victim = next(path for path in folder.folder.rglob(change) if path.stat().st_size > 100)
        content = bytearray(victim.read_bytes())
        content[-3] ^= 1
        victim.write_bytes(content)
        answer = tasks.run(job, 0)
        assert answer.refusal is not None
        with pytest.raises(ArtefactError, match="cut or changed"):
            answer.taken(given)
    folder.close()


def test_a_worker_without_the_shared_folder_says_so(tmp_path):
    folder, given = scratch.Scratch(tmp_path), world(tmp_path)
    job = tasks.Job.of(total, given, folder)
    folder.close()
    with pytest.raises(ResourceError, match=r"Every worker must see .*engine\.scratch=DIR"):
        tasks.run(job, 0).taken(given)


def test_a_worker_with_other_code_says_so(tmp_path, monkeypatch):
    folder, given = scratch.Scratch(tmp_path), world(tmp_path)
    job = tasks.Job.of(total, given, folder, is_elsewhere=True)
    assert tasks.run(job, 1).taken(given)[0] == 1
    monkeypatch.setattr(tasks, "fingerprint_of_code", lambda *packages: "other")
    with pytest.raises(ConfigurationError, match="same version"):
        tasks.run(job, 1).taken(given)
    folder.close()


def test_folders_of_dead_processes_are_taken_away(tmp_path, monkeypatch):
    alive = scratch.Scratch(tmp_path)
    dead = tmp_path / "glowrank-dead"
    dead.mkdir()
    (dead / scratch.LOCK).touch()
    for lock in (alive.folder / scratch.LOCK, dead / scratch.LOCK):
        os.utime(lock, (0, 0))
    other = scratch.Scratch(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {alive.folder.name, other.folder.name}
    alive.close()
    other.close()


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ResourceError, match=r"engine\.scratch=DIR"):
        scratch.Scratch(tmp_path / "file")


def test_a_forked_process_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(engine, "_PROCESS", os.getpid() + 1)
    for given in (Serial(), Threads(threads=1), Processes(workers=1)):
        with pytest.raises(ResourceError, match="forked"):
            list(given.map(total, world(tmp_path), WORLD))


def test_what_the_cache_holds_is_known_by_its_place(tmp_path):
    cache = Cache(tmp_path)
    made = cache.remember("kind", "key", lambda: Maybe(Ragged.empty(2)))
    read = cache.remember("kind", "key", lambda: pytest.fail("remembered"))
    assert place_of(made) is None or place_of(made) == tmp_path / "kind" / "key"
    assert place_of(read) == tmp_path / "kind" / "key"
    assert place_of(Maybe(Ragged.empty(2))) is None
    assert place_of(Cache().remember("kind", "key", lambda: Maybe(None))) is None


@pytest.mark.slow
def test_several_processes_work_and_none_is_forked(processes, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fork", lambda: pytest.fail("forked"))
    pids = set(processes.map(where, world(tmp_path), range(40)))
    assert os.getpid() not in pids
    assert 1 <= len(pids) <= 2
    assert set(Processes(workers=1).map(where, world(tmp_path), range(3))).isdisjoint(pids)


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(remote, tmp_path):
    found = list(remote.map(killed_once, world(tmp_path), range(12)))
    assert [part for part, _ in found] == list(range(12))
    assert (tmp_path / "killed").exists()
    assert not any("Fork" in name for _, name in found)


@pytest.mark.slow
def test_a_part_that_kills_every_worker_ends_in_a_sentence(remote, tmp_path):
    began = time.monotonic()
    with pytest.raises(ResourceError, match="must live as long as its part"):
        list(remote.map(killed, world(tmp_path), WORLD))
    assert time.monotonic() - began < 300  # it ends; a hang would not
    assert list(remote.map(total, world(tmp_path), (1,))) == [(1, 10, 3)]


@pytest.mark.slow
def test_a_cluster_that_loses_its_workers_ends_in_a_sentence(monkeypatch, tmp_path):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("pipeline.engines.dask.PATIENCE_SECONDS", 3.0)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        joined = Dask(address=cluster.scheduler_address, scratch=str(tmp_path))
        assert list(joined.map(total, world(tmp_path), (1,))) == [(1, 10, 3)]
        results = joined.map(total, world(tmp_path), WORLD)
        cluster.scale(0)
        while cluster.scheduler_info["workers"]:
            time.sleep(0.1)
        with pytest.raises(ResourceError, match="must have a worker"):
            list(results)


@pytest.mark.slow
def test_a_scheduler_that_is_not_there_is_a_sentence(monkeypatch, tmp_path):
    pytest.importorskip("distributed")
    monkeypatch.setattr("pipeline.engines.dask.PATIENCE_SECONDS", 2.0)
    with pytest.raises(ResourceError, match=r"Got none at tcp://127\.0\.0\.1:9"):
        list(Dask(address="tcp://127.0.0.1:9").map(total, world(tmp_path), WORLD))


@pytest.mark.slow
def test_the_ports_of_a_cluster_are_open_to_this_machine_alone(dask, tmp_path):
    assert list(dask.map(total, world(tmp_path), (1,)))
    ours = {os.getpid(), *dask.map(where, world(tmp_path), range(20))}
    sockets = {
        str(path.readlink()).partition("[")[2].rstrip("]")
        for pid in ours
        for path in Path(f"/proc/{pid}/fd").iterdir()
        if path.is_symlink()
    }
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == "0A" and inode in sockets:
                assert local.startswith("0100007F:"), local


@pytest.mark.slow
def test_processes_that_write_one_cache_leave_it_whole(processes, tmp_path):
    """Both compute the same entries at once: what is read then is whole, and no stray file is left."""
    given = world(tmp_path)
    for _ in range(3):
        found = list(processes.map(saved, given, [part for part in range(12) for _ in range(4)]))
        assert [len(maybe.value) for maybe in found] == [part for part in range(12) for _ in range(4)]
    entries = list((tmp_path / "cache" / "kind").iterdir())
    assert sorted(entry.name for entry in entries) == [f"{part:032d}" for part in range(12)]


def test_vectors_travel(tmp_path):
    """A value with a finite matrix, as retrieval searches them, is the same after the way."""
    vectors = Vectors(np.array([1, 3], np.int32), np.eye(2, dtype=np.float32))
    scratch.seal(vectors, tmp_path / "place")
    again = tasks.opened(tmp_path / "place")
    np.testing.assert_array_equal(again.matrix, vectors.matrix)


def test_a_value_in_two_fields_stays_one(tmp_path):
    order = RetrievalOrder()
    stage_one = StageOne(FittedRetrieval({}, (), 5), FittedFeatures({}), {})
    FittedTwoStage(stage_one, order, order).save(tmp_path / "model")
    assert not (tmp_path / "model" / "cold_ranker").exists()
    again = FittedTwoStage.load(tmp_path / "model")
    assert again.ranker is again.cold_ranker
    FittedTwoStage(stage_one, order, RetrievalOrder()).save(tmp_path / "other")
    assert (tmp_path / "other" / "cold_ranker").exists()


PARENT = """
import os, sys
from pathlib import Path
from pipeline.engines import Processes
from tests.pipeline.test_engines import slow, world
for pid in Processes(workers=1, scratch=sys.argv[1]).map(slow, world(Path(sys.argv[1])), range(9)):
    print(pid, flush=True)
"""


def slow(given: World, part: int) -> int:
    time.sleep(0.2 if part else 0.0)
    return os.getpid()


@pytest.mark.slow
def test_workers_end_with_the_command(repository, tmp_path):
    """However it ends: their end of the line closes."""
    environment = os.environ | {"PYTHONPATH": str(repository)}
    command = [sys.executable, "-c", PARENT, str(tmp_path)]
    with subprocess.Popen(
        command, cwd=repository, env=environment, stdout=subprocess.PIPE, text=True
    ) as parent:
        worker = int(parent.stdout.readline())
        parent.kill()
    until = time.monotonic() + 60
    while Path(f"/proc/{worker}").exists() and "Z" not in status(worker):
        assert time.monotonic() < until, "the worker lives on"
        time.sleep(0.1)


def status(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"
