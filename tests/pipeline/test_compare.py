"""`glowrank compare` on run folders made by hand: figures, files, and what it refuses."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from dataset.errors import ArtefactError, ConfigurationError, ParameterError
from evaluation.comparison import Compared
from pipeline.verdicts.compare import run_compare
from tests.pipeline.test_gate import finished_run

SETTINGS = {"metrics": None, "n_resamples": 200, "n_draws": 300, "seed": 0}


def compare(out: Path, *runs: Path, **settings: Any) -> list[Compared]:
    """The command without Hydra's application."""
    asked = {"runs": [str(run) for run in runs], "out": str(out)}
    return run_compare(OmegaConf.create({**asked, **SETTINGS, **settings}))


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Three runs, the last of which asked others."""
    return [
        finished_run(tmp_path / "old", 0.8),
        finished_run(tmp_path / "<b>new|", 0.9),
        finished_run(tmp_path / "other", 0.9, n=300),
    ]


def test_the_folder_holds_figures_table_and_page(
    tmp_path: Path, runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    compare(tmp_path / "out", *runs)
    kept = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    assert kept["metrics"] == ["recall@5", "ndcg@5"]
    first, new, other = kept["runs"]
    assert first["difference_to_first"] is first["not_compared"] is None
    found = new["difference_to_first"]["ndcg@5"]
    assert found["low"] > 0
    assert found["p"] == found["p_holm"] == pytest.approx(1 / 301)
    assert found["n"] == 400
    assert found["detectable"] > 0
    assert other["not_compared"] == "it asked 300 users instead of 400"
    said = capsys.readouterr().out
    assert "'other' is not compared with 'old': it asked 300 users instead of 400." in said
    page = (tmp_path / "out" / "comparison.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;new|" in page
    assert not re.findall(r'(?:src|srcset|href)="(?!data:)', page)
    assert page.count("<figure>") == 2
    lines = (tmp_path / "out" / "comparison.md").read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line.startswith("| ")]) == 1 + 3 * 2


@pytest.mark.slow
def test_it_can_be_made_again_in_the_same_folder(tmp_path: Path, runs: list[Path]) -> None:
    kept = []
    for _ in range(2):
        compare(tmp_path / "out", *runs[:2])
        kept.append({path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()})
    assert kept[0] == kept[1]
    assert set(kept[0]) == {"comparison.json", "comparison.md", "comparison.html"}


def test_runs_of_one_name_are_told_apart_by_their_paths(tmp_path: Path, runs: list[Path]) -> None:
    twin = finished_run(tmp_path / "again" / "old", 0.7)
    labels = [row.label for row in compare(tmp_path / "out", runs[0], twin, metrics=["ndcg@5"])]
    assert labels == [f"1: {runs[0]}", f"2: {twin}"]


def test_mistakes_are_told_before_anything_is_written(tmp_path: Path, runs: list[Path]) -> None:
    out = tmp_path / "out"
    with pytest.raises(ConfigurationError, match="two runs or more"):
        compare(out, runs[0])
    with pytest.raises(ConfigurationError, match=r"out of recall@5, ndcg@5\. Got mrr@5"):
        compare(out, *runs, metrics=["mrr@5"])
    with pytest.raises(ParameterError, match="'metrics' parameter"):
        compare(out, *runs, metrics="ndcg@5")
    with pytest.raises(ParameterError, match="'n_draws' parameter"):
        compare(out, *runs, n_draws=0)
    with pytest.raises(ArtefactError, match="no folder"):
        compare(out, runs[0], tmp_path / "nothing")
    assert not out.exists()
    with pytest.raises(ConfigurationError, match="folder of a comparison"):
        compare(runs[0], *runs)
