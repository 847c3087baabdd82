"""Runs without a part, as one sweep on the small shop, and one of them used for lists."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

from evaluation.intervals import paired_difference
from pipeline.artefacts import read_manifest, verify
from tests.end_to_end.commands import QUICK, SMALL, TREES, Command, Outcome

PARTS = ("null", "features.vectors.ingredients", "ranking")
LABELS = ["as configured", "without features.vectors.ingredients", "without ranking"]


class Ablation(NamedTuple):
    folder: Path
    outcome: Outcome
    table: Any


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def ablation(glowrank: Command, cache: str, tmp_path_factory: pytest.TempPathFactory) -> Ablation:
    folder = tmp_path_factory.mktemp("ablation")
    arguments = (*SMALL, *TREES, *QUICK, cache, f"run.dir={folder}", f"without={','.join(PARTS)}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.experiment.render", lambda content: "<html></html>")
        outcome = glowrank("experiment", "sweep=ablation", *arguments)
    return Ablation(folder, outcome, json.loads((folder / "sweep.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def without_ease(experiment: Callable[..., Path]) -> Path:
    """The folder of a run without a source."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.experiment.render", lambda content: "<html></html>")
        return experiment("without=retrieval.sources.ease")


def test_every_part_has_its_row(ablation: Ablation) -> None:
    assert [entry["overrides"] for entry in ablation.table] == LABELS
    assert "two_stage of 2 runs" in ablation.outcome.out
    assert "Difference to 'as configured', paired by user" in ablation.outcome.out
    page = (ablation.folder / "sweep.md").read_text(encoding="utf-8")
    assert [label for label in LABELS if f"\n| {label} |" in page] == [LABELS[0], LABELS[2]]
    for job in (0, 2):
        verify(ablation.folder / str(job), read_manifest(ablation.folder / str(job))["files"])


def test_a_part_that_others_need_fails_alone(ablation: Ablation) -> None:
    said = "Source 'content' searches embeddings that must be among features.vectors (functionality, "
    assert ablation.outcome.code == 2
    assert said in ablation.table[1]["error"]
    assert said in ablation.outcome.err
    assert "Traceback" not in ablation.outcome.err
    assert f"'{LABELS[1]}' failed: {said}" in ablation.outcome.out
    assert [entry["error"] for entry in ablation.table].count(None) == 2


def test_differences_are_those_of_the_same_users(ablation: Ablation) -> None:
    assert ablation.table[0]["difference_to_first"] is None
    first, other = (pd.read_parquet(ablation.folder / job / "queries.parquet") for job in ("0", "2"))
    asked = first["is_warm"] & (first["n_relevant"] > 0)
    for metric in ("recall@10", "ndcg@10"):
        of_run, of_first = (
            frame.loc[asked, f"two_stage/{metric}"].to_numpy("float64") for frame in (other, first)
        )
        expected = paired_difference(of_run, of_first, n_resamples=20, seed=0).as_json()
        assert ablation.table[2]["difference_to_first"][metric] == expected
        means = [ablation.table[job]["runs"]["two_stage"][metric]["mean"] for job in (2, 0)]
        assert expected["mean"] == pytest.approx(means[0] - means[1], abs=1e-6)


def test_without_ranking_the_fusion_of_stage_one_is_left(ablation: Ablation) -> None:
    first, without_ranking = ablation.table[0]["runs"], ablation.table[2]["runs"]
    assert without_ranking["two_stage"] == first["reciprocal_rank_fusion"]
    assert without_ranking["two_stage"] != first["two_stage"]


@pytest.mark.slow
@pytest.mark.usefixtures("without_plots")
def test_without_a_source_is_as_if_it_had_been_taken_out(
    without_ease: Path, experiment: Callable[..., Path]
) -> None:
    runs, taken_out = (
        json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["runs"]
        for folder in (without_ease, experiment("~retrieval.sources.ease"))
    )
    assert runs == taken_out
    assert "ease" not in runs
    config = (without_ease / "config.yaml").read_text(encoding="utf-8")
    assert "retrieval.ease" not in config
    assert "\nwithout: null\n" in config
    log = (without_ease / "log.jsonl").read_text(encoding="utf-8")
    assert '"left_out", "parts": ["retrieval.sources.ease"]' in log


def test_lists_are_made_without_ranking_too(
    glowrank: Command, cache: str, ablation: Ablation, tmp_path: Path
) -> None:
    assert "ease" in of_lists(glowrank, cache, ablation.folder / "2", tmp_path / "lists")


@pytest.mark.slow
def test_lists_are_made_without_a_source_too(
    glowrank: Command, cache: str, without_ease: Path, tmp_path: Path
) -> None:
    assert "ease" not in of_lists(glowrank, cache, without_ease, tmp_path / "lists")


def of_lists(glowrank: Command, cache: str, run: Path, out: Path) -> str:
    """The sources that nominated what the lists of a run hold."""
    arguments = (f"run={run}", f"out={out}", cache, "threads=1", "n=5", "users=warm")
    outcome = glowrank("recommend", *arguments)
    assert outcome.code == 0, outcome.err
    lists = pd.concat([pd.read_parquet(path) for path in out.glob("part-*.parquet")])
    assert len(lists) > 0
    return " ".join(lists["sources"].astype(str))


def test_an_unknown_part_is_told_with_those_that_there_are(
    glowrank: Command, cache: str, tmp_path: Path
) -> None:
    arguments = (*SMALL, cache, f"run.dir={tmp_path / 'run'}", "without=retrieval.sources.eese")
    outcome = glowrank("experiment", *arguments)
    assert outcome.code == 2
    assert "retrieval.sources has transitions, ease, content" in outcome.sentence
    assert not (tmp_path / "run" / "config.yaml").exists()
