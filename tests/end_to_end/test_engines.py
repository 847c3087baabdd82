"""Every engine gives the same bytes: lists, model and figures of a run, and the parts of a batch."""

import json
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.engines import Dask, Processes, Serial
from pipeline.recommendation import Answers, Lists, Recommendation
from tests.end_to_end.commands import Command
from tests.pipeline.test_recommendation import random_shop, write

pytestmark = pytest.mark.slow
FLAG = "GLOWRANK_TEST_FLAG"
OTHERS = ("threads", "processes", "dask")
Run = Callable[..., Path]


@pytest.fixture(scope="module")
def runs(experiment: Run) -> dict[str, Path]:
    """One experiment on each engine, without a cache, so that everything is computed there."""
    settings = ("cache_dir=null", "threads=2", "block_size=32")
    return {name: experiment(f"engine={name}", *settings) for name in ("serial", *OTHERS)}


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("engine", OTHERS)
def test_an_experiment_is_the_same_on_every_engine(
    runs: dict[str, Path], engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = files(runs["serial"]), files(runs[engine])
    assert ours.keys() == theirs.keys()
    told = {"config.yaml", "log.jsonl", "manifest.json", "metrics.json", "model_card.md", "report.html"}
    assert {name for name in ours if ours[name] != theirs[name]} <= told
    metrics = [json.loads(found["metrics.json"]) for found in (ours, theirs)]
    for name in ("seconds", "seconds_inside_blocks", "peak_rss_mb", "peak_rss_mb_after"):
        assert metrics[0].pop(name) is not None
        inside = metrics[1].pop(name)
        if name == "seconds_inside_blocks":
            assert {"retrieval", "features", "ranking", "profile", "loss_tracing"} <= set(inside)
            assert min(inside.values()) > 0
    assert metrics[0] == metrics[1]


@pytest.mark.parametrize("as_of", ["latest", "test"])
def test_parts_are_the_same_on_every_engine(
    glowrank: Command, runs: dict[str, Path], tmp_path: Path, as_of: str
) -> None:
    contents = []
    for engine in ("serial", *OTHERS):
        out = tmp_path / engine
        words = ("n=12", "part_size=64", "block_size=20", "threads=2", "cache_dir=null", f"as_of={as_of}")
        done = glowrank("recommend", f"run={runs['serial']}", f"out={out}", f"engine={engine}", *words)
        assert done.code == 0, done.err
        contents.append(files(out))
    assert contents[0].keys() >= {"part-00000.parquet", "part-00002.parquet", "_SUCCESS"}
    assert all(content == contents[0] for content in contents)


def test_a_missing_cluster_is_a_sentence(glowrank: Command, runs: dict[str, Path], tmp_path: Path) -> None:
    words = (f"run={runs['serial']}", f"out={tmp_path / 'lists'}", "engine=dask", "cache_dir=null")
    done = glowrank("recommend", *words, "engine.address=10.0.0.5")
    assert done.code == 2
    assert "'address' parameter of Dask" in done.sentence


@dataclass(frozen=True)
class Deadly:
    """An engine, one of whose workers is killed in the middle of its lists."""

    engine: Any

    @property
    def budget(self) -> int:
        return int(self.engine.budget)

    def map(self, function: object, context: object, parts: Sequence[Any]) -> Iterator[Any]:
        assert function is Answers.lists
        return iter(self.engine.map(killed_once, context, parts))


def killed_once(answers: Answers, rows: npt.NDArray[np.int64]) -> Lists:
    lists = answers.lists(rows)
    flag = Path(os.environ[FLAG])
    if rows[0] > 60 and not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return lists


@pytest.mark.parametrize("engine", [Processes(workers=2), Dask(workers=2)], ids=["processes", "dask"])
def test_a_worker_killed_in_scoring_loses_nothing(
    engine: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FLAG, str(tmp_path / "flag"))
    dataset = random_shop(3, 200, 40, 900, 0.3, 0.9)
    for name, given in (("alone", Serial()), ("killed", Deadly(engine))):
        write(dataset, tmp_path / name, Recommendation(n=7, part_size=60, block_size=16, engine=given))
    assert (tmp_path / "flag").exists()
    assert files(tmp_path / "alone") == files(tmp_path / "killed")
