"""A grid by the command: what it leaves, that experiments give its figures, what it survives."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.benchmarking.cell import without_timings
from pipeline.benchmarking.results import read_cells
from tests.end_to_end.commands import QUICK, SMALL, TREES, Command

pytestmark = pytest.mark.slow

GRID = """# @package benchmark
name: small
build:
  search:
    wide: [index=hnsw, retrieval.budget=60]
    codes: [index=pq]
query:
  scorer: [auto, lightgbm]
exhaustive_queries: 20
timed_users: 64
timed_blocks: 2
references: {clusters: null, nearest_neighbours: null}
"""


@pytest.fixture(scope="module")
def words(cache: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    folder = tmp_path_factory.mktemp("conf") / "benchmark"
    folder.mkdir()
    (folder / "small.yaml").write_text(GRID, encoding="utf-8")
    return ("--config-dir", str(folder.parent), "benchmark=small", *SMALL, *TREES, *QUICK, cache)


@pytest.fixture(scope="module")
def grid(glowrank: Command, words: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a grid whose second build cannot be made."""
    folder = tmp_path_factory.mktemp("grids") / "grid"
    outcome = glowrank("benchmark", *words, f"out={folder}", "benchmark.keep_models=true")
    assert outcome.code == 0, outcome.err
    assert "Cells: " in outcome.out
    assert "glowrank experiment --config-dir" in outcome.out
    return folder


def cells(folder: Path) -> dict[str, dict[str, Any]]:
    return {line["cell"]: line for line in read_cells(folder / "cells.jsonl")}


def test_every_cell_is_told_in_order(grid: Path) -> None:
    found = cells(grid)
    assert list(found) == [
        "group_averages",
        "popularity",
        "oracle",
        "exhaustive",
        "search=wide,scorer=auto",
        "search=wide,scorer=lightgbm",
        "search=codes,scorer=auto",
        "search=codes,scorer=lightgbm",
    ]
    assert list(found) == json.loads((grid / "plan.json").read_text(encoding="utf-8"))["cells"]
    done = [line for line in found.values() if line["status"] == "done"]
    assert len(done) == 6
    for line in done:
        assert line["seconds_per_user"]["total"] > 0
        assert line["peak_memory_bytes"] > 50_000_000
        assert line["data"] == done[0]["data"]
        values = np.load(grid / "values" / f"{line['cell']}.npy")
        assert np.isfinite(values).sum() == line["n_queries"]
        assert np.nanmean(values) == pytest.approx(line["ndcg@10"]["mean"])
    assert found["oracle"]["ndcg@10"]["mean"] > found["popularity"]["ndcg@10"]["mean"]
    assert found["exhaustive"]["n_queries"] == 20
    assert found["exhaustive"]["n_candidates"] > found["search=wide,scorer=auto"]["n_candidates"]
    assert found["search=wide,scorer=auto"]["index_recall"] > 0.9
    assert found["search=wide,scorer=auto"]["index_bytes"] < found["search=wide,scorer=auto"]["model_bytes"]


def test_a_build_that_cannot_be_made_is_told_and_the_grid_goes_on(grid: Path) -> None:
    for scorer in ("auto", "lightgbm"):
        line = cells(grid)[f"search=codes,scorer={scorer}"]
        assert line["status"] == "failed"
        assert "The index pq must have at least 256 vectors to learn its codes from" in line["reason"]
        assert line["ndcg@10"] is None
        assert line["n_items"] == cells(grid)["oracle"]["n_items"]


@pytest.mark.usefixtures("without_plots")
def test_an_experiment_gives_the_figures_of_its_cell(
    glowrank: Command, grid: Path, cache: str, tmp_path: Path
) -> None:
    line = cells(grid)["search=wide,scorer=lightgbm"]
    assert line["exact"]
    plan = json.loads((grid / "plan.json").read_text(encoding="utf-8"))
    outcome = glowrank("experiment", *plan["base"], *line["overrides"], f"run.dir={tmp_path / 'run'}")
    assert outcome.code == 0, outcome.err
    run = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))["runs"]
    assert run["two_stage"]["ndcg@10"] == line["ndcg@10"]
    assert run["two_stage"]["coverage@10"]["mean"] == line["coverage@10"]
    for name in ("popularity", "oracle"):
        assert run[name]["ndcg@10"] == cells(grid)[name]["ndcg@10"]


@pytest.mark.usefixtures("without_plots")
def test_the_recommended_experiment_gives_the_figures_of_its_cell(
    glowrank: Command, grid: Path, tmp_path: Path
) -> None:
    found = json.loads((grid / "conclusions.json").read_text(encoding="utf-8"))
    line = cells(grid)[found["recommended"]["cell"]]
    glowrank_, *arguments = shlex.split(found["commands"]["reproduce"])
    assert glowrank_ == "glowrank"
    assert found["commands"]["file"] == str(grid / "conf" / "experiment" / "recommended.yaml")
    outcome = glowrank(*arguments, f"run.dir={tmp_path / 'run'}")
    assert outcome.code == 0, outcome.err
    run = json.loads((tmp_path / "run" / "metrics.json").read_text(encoding="utf-8"))["runs"]
    assert run["two_stage"]["ndcg@10"] == line["ndcg@10"]


def test_the_same_command_again_does_nothing(glowrank: Command, words: tuple[str, ...], grid: Path) -> None:
    before = (grid / "cells.jsonl").read_bytes()
    outcome = glowrank("benchmark", *words, f"out={grid}", "benchmark.keep_models=true")
    assert outcome.code == 0
    assert (grid / "cells.jsonl").read_bytes() == before


def test_cells_of_other_settings_are_not_mixed_in(
    glowrank: Command, words: tuple[str, ...], grid: Path
) -> None:
    before = (grid / "cells.jsonl").read_bytes()
    outcome = glowrank("benchmark", *words, f"out={grid}", "benchmark.seed=7")
    assert outcome.code == 2
    assert "take another folder: out=DIR" in outcome.sentence
    assert (grid / "cells.jsonl").read_bytes() == before


def test_killed_and_resumed_the_file_is_the_same_but_for_timings(
    glowrank: Command, words: tuple[str, ...], grid: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "killed"
    command = [sys.executable, "-m", "scripts.main", "benchmark", *words, f"out={folder}"]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        command, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ)
    )
    end = time.monotonic() + 600
    while len(read_cells(folder / "cells.jsonl")) < 3:
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(read_cells(folder / "cells.jsonl")) < 8
    outcome = glowrank("benchmark", *words, f"out={folder}")
    assert outcome.code == 0, outcome.err
    assert outcome.err.count(": nDCG@10 ") < 6
    one, other = (
        [without_timings(line | {"versions": None}) for line in read_cells(path / "cells.jsonl")]
        for path in (grid, folder)
    )  # somebody may commit in between
    assert one == other
    for line in one[:6]:
        name = f"{line['cell']}.npy"
        assert (grid / "values" / name).read_bytes() == (folder / "values" / name).read_bytes()
    assert not (folder / "scratch").exists()
    assert list((folder / "builds").iterdir()) == []


def test_a_limit_that_is_passed_is_told(glowrank: Command, words: tuple[str, ...], tmp_path: Path) -> None:
    limits = ("benchmark.memory_gb=0.02", "benchmark.exhaustive=false", "~benchmark.build.search.codes")
    outcome = glowrank("benchmark", *words, f"out={tmp_path / 'poor'}", *limits)
    assert outcome.code == 0
    assert {line["status"] for line in cells(tmp_path / "poor").values()} == {"failed"}
    assert "must stay within 0.02 GB of memory. Got more" in cells(tmp_path / "poor")["popularity"]["reason"]


def test_two_at_once_are_refused(glowrank: Command, words: tuple[str, ...], grid: Path) -> None:
    from pipeline.locks import held

    with held(grid / ".lock"):
        outcome = glowrank("benchmark", *words, f"out={grid}")
    assert outcome.code == 5
    assert "One process at a time" in outcome.sentence
