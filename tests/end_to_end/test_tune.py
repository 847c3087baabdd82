"""A study by the command: what it leaves, that its figures are those of experiments, and that it goes on."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from tests.end_to_end.commands import QUICK, SMALL, Command, Outcome

TUNED = ("ranking.min_rows_a_leaf=300", "ranking.row_fraction=0.5")  # so bad that it is soon surpassed
TREES = ("ranking.num_trees=8", *TUNED)
PRUNE = ("tune.prune_after_trials=2", "tune.prune_after_trees=2", "tune.prune_every=2")
Tune = Callable[..., Outcome]


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tune(glowrank: Command, cache: str) -> Tune:
    """Run or resume a study on the small shop in a folder."""

    def run(folder: Path, *overrides: str) -> Outcome:
        return glowrank("tune", *SMALL, *TREES, *QUICK, *PRUNE, cache, f"tune.dir={folder}", *overrides)

    return run


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("conf") / "experiment" / "tuned.yaml"


@pytest.fixture(scope="module")
def study(tune: Tune, out: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study of five trials, the last two of a second call."""
    folder = tmp_path_factory.mktemp("studies") / "study"
    for n_trials in (3, 5):
        outcome = tune(folder, f"tune.n_trials={n_trials}", f"tune.out={out}")
        assert outcome.code == 0, outcome.err
    assert "The best of 5 trials" in outcome.out
    assert str(out) in outcome.out
    assert "Test: run `glowrank experiment experiment=tuned" in outcome.out
    return folder


@pytest.fixture
def copied(study: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(study, tmp_path / "study"))


def found(folder: Path) -> Any:
    return json.loads((folder / "summary.json").read_text(encoding="utf-8"))


def test_the_folder_tells_of_every_trial(study: Path, out: Path) -> None:
    summary = found(study)
    assert [trial["number"] for trial in summary["trials"]] == list(range(5))
    assert summary["trials_done"] == 5
    assert summary["start"]["number"] == 0
    assert summary["best"]["figure"]["mean"] >= summary["start"]["figure"]["mean"]
    gain = summary["best"]["figure"]["mean"] - summary["start"]["figure"]["mean"]
    assert summary["best - start"]["mean"] == pytest.approx(gain)
    assert "glowrank experiment experiment=tuned" in summary["test"]
    text = (study / "summary.md").read_text(encoding="utf-8")
    assert summary["test"] in text
    kept = {path.stem for path in (study / "values").iterdir()}
    assert kept == {"0", str(summary["best"]["number"])}
    assert (study / "best.yaml").read_bytes() == out.read_bytes()


@pytest.mark.usefixtures("without_plots")
def test_the_best_file_gives_the_best_trial(
    glowrank: Command, study: Path, out: Path, cache: str, tmp_path: Path
) -> None:
    best, folder = found(study)["best"], tmp_path / "run"
    assert best["number"] > 0
    given = [override for override in (*SMALL, *TREES) if "tiny" not in override and override not in TUNED]
    arguments = ("experiment=tuned", *given, *QUICK, cache, f"run.dir={folder}", "split.set_aside=1")
    outcome = glowrank("experiment", "--config-dir", str(out.parents[1]), *arguments)
    assert outcome.code == 0, outcome.err
    config = OmegaConf.load(folder / "config.yaml")
    assert config.run.name == "tiny"
    assert {key: OmegaConf.select(config, key) for key in best["parameters"]} == best["parameters"]
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert metrics["runs"]["two_stage"]["ndcg@10"] == best["figure"]


@pytest.mark.slow
def test_killed_in_a_trial_it_goes_on_with_it(
    tune: Tune, study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, calls = tmp_path / "study", []

    def killed(*arguments: object) -> Any:
        calls.append(arguments)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return judged(*arguments)

    from pipeline.tuning.objective import Objective

    judged = Objective.judge
    monkeypatch.setattr(Objective, "judge", killed)
    assert tune(folder, "tune.n_trials=4").code == 130
    assert found(folder)["trials_done"] == 2
    assert (folder / "best.yaml").exists()
    assert tune(folder, "tune.n_trials=4").code == 0
    ended = [trial for trial in found(folder)["trials"] if trial["state"] != "failed"]
    assert [trial["state"] for trial in found(folder)["trials"]].index("failed") == 2
    whole = found(study)["trials"][:4]
    facts = ("state", "figure", "parameters")
    assert [[trial[name] for name in facts] for trial in ended] == [
        [trial[name] for name in facts] for trial in whole
    ]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("ranking.stop_after=7", "begun with ranking.stop_after=40. Got 7"),
        ("dataset.n_users=151", "begun with dataset.digest="),
        pytest.param(
            "tune.space.ranking.num_leaves.high=99",
            "begun with tune.space.ranking.num_leaves=Int",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "tune.rehearsals=[2]", "begun with tune.rehearsals=[1]. Got [2]", marks=pytest.mark.slow
        ),
    ],
)
def test_a_study_of_something_else_is_refused(tune: Tune, copied: Path, override: str, said: str) -> None:
    before = (copied / "study.sqlite").read_bytes()
    outcome = tune(copied, "tune.n_trials=6", override)
    assert outcome.code == 2
    assert said in outcome.sentence
    assert (copied / "study.sqlite").read_bytes() == before


@pytest.mark.slow
def test_threads_change_no_trial(tune: Tune, copied: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(copied, tmp_path / "other"))
    for folder, overrides in ((copied, ()), (other, ("threads=2", "cache_dir=null"))):
        outcome = tune(folder, "tune.n_trials=7", *overrides)
        assert outcome.code == 0, outcome.err
    facts = ("state", "figure", "parameters")
    one, two = ([[trial[name] for name in facts] for trial in found(at)["trials"]] for at in (copied, other))
    assert one == two
    assert len(one) == 7


@pytest.mark.slow
def test_a_space_over_retrieval_fills_no_cache(tune: Tune, cache: str, tmp_path: Path) -> None:
    folder, stages = Path(cache.partition("=")[2]), ("vectors", "sources", "tables", "candidates")
    settings = ("space=retrieval", "tune.rehearsals=[1,2]", "split.n_training=1")
    settings += (
        "ranking.min_rows_a_leaf=10",
        "ranking.row_fraction=1.0",
    )  # or nothing is learnt, nothing differs
    assert tune(tmp_path / "study", *settings, "tune.n_trials=1").code == 0
    before = {name: sorted((folder / name).iterdir()) for name in stages}
    outcome = tune(tmp_path / "study", *settings, "tune.n_trials=2")
    assert outcome.code == 0, outcome.err
    assert {name: sorted((folder / name).iterdir()) for name in stages} == before
    first, second = found(tmp_path / "study")["trials"]
    assert len(first["figure_by_rehearsal"]) == 2
    assert first["figure"]["mean"] == pytest.approx(sum(first["figure_by_rehearsal"]) / 2)
    assert second["figure"] != first["figure"]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("tune.rehearsals=[0]", "a study never reads the test"),
        ("+tune.space.split.set_aside={choices: [0, 1]}", "stays as it is. Got split.set_aside"),
        ("+tune.space.dataset.n_users={low: 1, high: 200}", "stays as it is. Got dataset.n_users"),
        ("split=random", "can set the test aside"),
        ("tune.space=null", "space"),
        ("space=everything", "space/everything"),
        ("without=ranking", "must name settings of the configuration"),
    ],
)
def test_a_study_that_cannot_be_is_refused(tune: Tune, tmp_path: Path, override: str, said: str) -> None:
    outcome = tune(tmp_path / "study", override)
    assert outcome.code == 2
    assert said in outcome.sentence
    assert not (tmp_path / "study").exists()
