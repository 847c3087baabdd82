"""From a folder of cells to what is written beside them; the recommended experiment composes to its cell."""

import io
import json
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from pipeline.benchmarking import conclusions
from pipeline.benchmarking.cell import line_of
from pipeline.benchmarking.conclusions import conclude, show
from pipeline.benchmarking.recommended import recommend, set_aside
from tests.evaluation.scaling.lines import cell, failed

pytestmark = pytest.mark.slow

CHOICE: dict[str, Any] = {
    "cell": "chosen",
    "ndcg@10": {"mean": 0.1, "low": 0.09, "high": 0.11},
    "exact": True,
}
SLOW = pytest.mark.slow
BASE = ("experiment=tiny", "dataset.n_users=150", "split.set_aside=1")


@pytest.fixture(autouse=True)
def composer() -> Iterator[None]:
    conf = Path(__file__).resolve().parents[3] / "conf"
    with initialize_config_dir(str(conf), version_base="1.3"):
        yield


def composed(words: Sequence[str]) -> DictConfig:
    return compose("experiment", list(words))


def given(command: str) -> list[str]:
    """The overrides of a command, its folder as Hydra takes it from Python."""
    glowrank, experiment, option, folder, *words = shlex.split(command)
    assert (glowrank, experiment, option) == ("glowrank", "experiment", "--config-dir")
    return [f'hydra.searchpath=["file://{folder}"]', *words]


def plain(config: DictConfig) -> Any:
    found = OmegaConf.to_container(config, resolve=True)
    return {key: value for key, value in found.items() if key != "run"}


@pytest.mark.parametrize(
    ("base", "overrides"),
    [
        (BASE, ["retrieval.budget=100", "index=hnsw", "retrieval.index.effort=64"]),
        (
            ("experiment=sephora", "dataset.path=/a b", "split.set_aside=1"),
            ["ranking=cascade", "~ranking.trees", "~ranking.logit", "ranking.keep=[20,30]"],
        ),
        (
            ("experiment=batch", "split.set_aside=1"),
            ["+index@retrieval.sources.content.index=ivf", "retrieval.sources.content.index.probes=8"],
        ),
        pytest.param(
            ("experiment=[batch,tiny]", "~ladder", "split.set_aside=1"), ["ranking.seed=3"], marks=SLOW
        ),
        pytest.param(
            ("experiment=tiny", "split.set_aside=0"),
            ["retrieval.sources.content.vectors={ingredients: 2.0}", "without=retrieval.sources.ease"],
            marks=SLOW,
        ),
        pytest.param(
            ("dataset=sequences", "dataset.path='a=1,b'", "split=leave_last_out", "split.set_aside=1"),
            [],
            marks=SLOW,
        ),
    ],
    ids=["values", "removed", "added", "several", "mappings", "no experiment"],
)
def test_the_file_composes_to_the_cell(base: tuple[str, ...], overrides: list[str], tmp_path: Path) -> None:
    told = recommend({**CHOICE, "overrides": overrides}, "grid", base, tmp_path / "a folder", composed)
    assert told.file == tmp_path / "a folder" / "conf" / "experiment" / "recommended.yaml"
    assert plain(composed(given(told.reproduce))) == plain(composed([*base, *overrides]))
    text = told.file.read_text(encoding="utf-8")
    assert text.startswith("# @package _global_\n")
    assert told.reproduce in text
    assert bool(told.test) == (set_aside(base) == 1)
    if told.test:
        assert told.test in text
        assert composed(given(told.test)).split.set_aside == 0


def test_what_no_file_can_say_is_said_by_the_command(tmp_path: Path) -> None:
    # A mapping is emptied by its removal only, which a file cannot do before it fills it anew.
    overrides = ["~retrieval.sources.content", "+retrieval.sources.content={_target_: a.b}"]
    told = recommend({**CHOICE, "overrides": overrides}, "grid", BASE, tmp_path, composed)
    assert told.file is None
    assert list((tmp_path / "conf" / "experiment").iterdir()) == []
    assert shlex.split(told.reproduce) == ["glowrank", "experiment", *BASE, *overrides]
    assert told.test == shlex.join(["glowrank", "experiment", *BASE[:2], *overrides, "split.set_aside=0"])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Cells of a grid with their values, and no plots."""
    monkeypatch.setattr(conclusions, "render", lambda cells, found: f"<html>{len(cells)}</html>")
    random = np.random.default_rng(0)
    best = random.uniform(0, 0.4, 30)
    cells = [
        cell("best", float(best.mean()), 0.004, overrides=["retrieval.budget=250"]),
        cell("near", float(best.mean()) - 1e-4, 0.002, overrides=["retrieval.budget=100"]),
        cell("popularity", 0.01, 1e-5, kind="source"),
        failed("lost", "An index must have vectors. Got none."),
    ]
    (tmp_path / "values").mkdir()
    np.save(tmp_path / "values" / "best.npy", best)
    np.save(tmp_path / "values" / "near.npy", best - 1e-4)
    lines = [json.dumps(line_of(one)) for one in cells]
    (tmp_path / "cells.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def test_everything_is_written_and_shown(folder: Path) -> None:
    found = conclude(folder, "grid", BASE, composed)
    assert json.loads((folder / "conclusions.json").read_text(encoding="utf-8")) == found
    assert found["recommended"]["cell"] == "near"
    assert found["recommended"]["difference"]["mean"] == pytest.approx(-1e-4)
    assert found["recommended"]["is_certain"]
    assert found["commands"]["overrides"] == [*BASE, "retrieval.budget=100"]
    assert found["failed"] == [{"cell": "lost", "reason": "An index must have vectors. Got none."}]
    assert "| **near** |" in (folder / "cells.md").read_text(encoding="utf-8")
    assert (folder / "report.html").read_text(encoding="utf-8") == "<html>4</html>"
    console = Console(width=200, file=io.StringIO(), record=True)
    show(found, folder, console)
    text = console.export_text()
    assert "Run near: nDCG@10" in text
    assert (
        text.index(" popularity ") < text.index(" near ") < text.rindex(" best ", 0, text.index("Run near"))
    )
    assert found["commands"]["reproduce"] in text
    assert found["commands"]["test"] in text


def test_what_was_recommended_before_does_not_stay(folder: Path) -> None:
    conclude(folder, "grid", BASE, composed)
    (folder / "cells.jsonl").write_text(json.dumps(line_of(failed("lost", "No."))), encoding="utf-8")
    found = conclude(folder, "grid", BASE, composed)
    assert found["recommended"] is None
    assert found["commands"] is None
    assert not (folder / "conf" / "experiment" / "recommended.yaml").exists()
    assert "No configuration can be recommended" in found["answer"]
