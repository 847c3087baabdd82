"""`glowrank gate` and `glowrank compare` on real runs: what ships, what does not, and why."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_module

from pipeline.applications import experiment_of, resolved
from pipeline.artefacts import MANIFEST, sha256, write_json
from pipeline.audit.shuffled_labels import TaughtNonsense
from pipeline.run_folder import RunFolder
from tests.end_to_end.commands import Command, Outcome

pytestmark = pytest.mark.slow
MAIN = "two_stage/ndcg@10"
GATE = ("gate.n_resamples=400", "gate.min_users=15", "gate.audit_checks=[]")
PASSED = {"passed": True, "limit": 0.25, "worst": None, "features": {}}
Judge = Callable[..., Outcome]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, bool], Path]:
    """Run the tiny experiment, its ranker taught the labels or nonsense; returns the folder."""
    cache = tmp_path_factory.mktemp("cache")

    def run(name: str, nonsense: bool) -> Path:
        folder = tmp_path_factory.mktemp("runs") / name
        with initialize_config_module("conf", version_base="1.3"):
            overrides = ["experiment=tiny", f"cache_dir={cache}", f"run.dir={folder}", f"run.name={name}"]
            # On so small a shop a ranker cannot be told apart from its best source, so that one is left out.
            config = compose("experiment", [*overrides, "~retrieval.sources.content"])
        experiment = experiment_of(config)
        if nonsense:
            ranking = TaughtNonsense(of=experiment.recommender.ranking)
            experiment = replace(experiment, recommender=replace(experiment.recommender, ranking=ranking))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("pipeline.experiment.render", lambda content: "<html></html>")
            text = resolved(config)
            experiment.run(RunFolder.begin(folder, text), text, name)
        return folder

    return run


@pytest.fixture(scope="module")
def good(trained: Callable[[str, bool], Path]) -> Path:
    return trained("good", False)


@pytest.fixture
def judge(glowrank: Command) -> Judge:
    """The gate's outcome on a run that an audit has passed; its short form is used."""

    def gate(run: Path, *words: str) -> Outcome:
        audit = {"run": sha256(run / MANIFEST), "complete": True, "passed": True}
        write_json(run / "audit.json", audit)
        return glowrank("gate", str(run), *words, *GATE)

    return gate


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Path]:
    """A copy of a run with other values by query, sealed like a run of its own."""

    def copy(run: Path, name: str, change: Callable[[pd.DataFrame, pd.DataFrame], Any] | None = None) -> Path:
        folder = tmp_path / name
        shutil.copytree(run, folder)
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        write_json(folder / "metrics.json", {**metrics, "skew": PASSED})
        values, groups = (pd.read_parquet(folder / f"{part}.parquet") for part in ("queries", "groups"))
        if change is not None:
            labels = groups.set_index("user").loc[values["user"]]
            values[MAIN] = np.asarray(change(values, labels), np.float32)
        values.to_parquet(folder / "queries.parquet", index=False)
        (folder / "gate.json").unlink(missing_ok=True)
        RunFolder(folder).finish({"name": name})
        return folder

    return copy


def failed(run: Path) -> list[str]:
    decision = json.loads((run / "gate.json").read_text(encoding="utf-8"))
    return [check["name"] for check in decision["checks"] if not check["passed"]]


def test_a_run_that_learnt_is_promoted(good: Path, changed: Callable[..., Path], judge: Judge) -> None:
    run = changed(good, "run")
    outcome = judge(run)
    assert outcome.code == 0, outcome.out
    assert "Promoted: all " in outcome.out
    assert json.loads((run / "gate.json").read_text(encoding="utf-8"))["promoted"] is True


def test_a_ranker_trained_on_shuffled_labels_is_refused(
    trained: Callable[[str, bool], Path], changed: Callable[..., Path], good: Path, judge: Judge
) -> None:
    nonsense = changed(trained("nonsense", True), "nonsense")
    incumbent = changed(good, "incumbent")
    outcome = judge(nonsense, "--against", str(incumbent))
    assert outcome.code == 1
    assert outcome.err == ""
    assert {"fusion", "against"} <= set(failed(nonsense))
    assert any(name.startswith("source ") for name in failed(nonsense))
    assert "Refused: " in outcome.out


def test_a_run_that_gains_overall_and_loses_a_group_is_refused(
    good: Path, changed: Callable[..., Path], judge: Judge
) -> None:
    def lose_dry_skin(values: pd.DataFrame, labels: pd.DataFrame) -> Any:
        before = values[MAIN].to_numpy()
        return np.where(labels["skin_type"] == "dry", before * 0.2, np.minimum(before * 1.6 + 0.1, 1))

    incumbent, loser = changed(good, "incumbent"), changed(good, "loser", lose_dry_skin)
    outcome = judge(loser, f"--against={incumbent}")
    assert outcome.code == 1
    assert "against" not in failed(loser)
    assert "group skin_type: dry" in failed(loser)
    assert all(name.startswith(("group ", "source ")) for name in failed(loser))


def test_what_cannot_be_judged_is_a_mistake_of_its_own(
    good: Path, changed: Callable[..., Path], judge: Judge, glowrank: Command
) -> None:
    run = changed(good, "[a b],c='d'")
    outcome = judge(run)
    assert outcome.code == 0  # a name that Hydra would take apart
    assert f"May {run.name} be promoted?" in outcome.out  # and that is no markup
    (run / "queries.parquet").write_bytes(b"")
    outcome = glowrank("gate", str(run), *GATE)
    assert outcome.code == 3
    assert "cut or changed" in outcome.sentence
    assert glowrank("gate", str(run.with_name("nothing"))).code == 3
    assert glowrank("gate", str(run), str(run)).code == 2


def test_runs_are_compared(
    good: Path, changed: Callable[..., Path], glowrank: Command, tmp_path: Path
) -> None:
    better = changed(good, "better run, [1]", lambda values, labels: np.minimum(values[MAIN] * 1.2, 1))
    outcome = glowrank("compare", str(good), str(better), f"out={tmp_path / 'out'}", "n_draws=500")
    assert outcome.code == 0, outcome.err
    kept = json.loads((tmp_path / "out" / "comparison.json").read_text(encoding="utf-8"))
    found = kept["runs"][1]["difference_to_first"]
    assert found["ndcg@10"]["low"] > 0
    assert found["ndcg@10"]["p_holm"] < 0.01
    assert found["recall@10"]["mean"] == 0
    assert found["recall@10"]["p"] == 1
    assert kept["runs"][1]["label"] == "better run, [1]"
    assert glowrank("compare", str(good)).code == 2
