"""Studies: what a space may hold, that hopeless trials end early, and that a killed study goes on."""

import importlib
import json
import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from dataset.errors import ArtefactError, ConfigurationError, DataContractError, ResourceError
from evaluation.intervals import bootstrap, paired_difference
from evaluation.specification import Evaluation
from pipeline.configuration import build
from pipeline.tuning.application import Asked, tune
from pipeline.tuning.objective import Objective
from pipeline.tuning.space import Space
from pipeline.tuning.specification import Tuning
from pipeline.tuning.study import FILE, done, opened, run, values_of
from pipeline.tuning.summary import as_experiment, as_markdown, best_of, line, record, start_of, summary
from ranking.ranker import Watch

CONFIG = OmegaConf.create(
    {
        "ranking": {
            "_target_": "x",
            "num_leaves": 15,
            "l2": 1.0,
            "objective": "lambdarank",
            "sampling": {"n": 1},
        },
        "retrieval": {"sources": {"ease": {"quota": 100, "half_life": None, "regularisation": 100.0}}},
        "dataset": {"n_users": 3},
    }
)
SPACE = {"ranking": {"num_leaves": {"low": 3, "high": 63}, "l2": {"low": 0.1, "high": 10.0, "log": True}}}
IDENTITY = {"dataset.digest": "abc", "ranking.num_trees": 400}
N_USERS = 30


@dataclass(frozen=True)
class Bowl:
    """Judges by a formula: best at 40 leaves; what it says while it "trains" grows with the figure."""

    space: Space
    splits: tuple[str, ...] = ("rehearsal",)
    dies_at: int = -1
    how: str = ""

    def judge(self, rehearsal: int, parameters: Mapping[str, Any], watch: Watch) -> npt.NDArray[np.float64]:
        if parameters["ranking.num_leaves"] == self.dies_at:
            self.die()
        level = 0.5 - abs(parameters["ranking.num_leaves"] - 40) / 100
        for n_trees in range(1, 201):
            watch(n_trees, level * n_trees / 200)
        return np.linspace(level - 0.1, level + 0.1, N_USERS) + rehearsal

    def die(self) -> None:
        if self.how == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        raise {"interrupted": KeyboardInterrupt, "refused": lambda: DataContractError("No, said the data.")}[
            self.how
        ]()

    def figure(self, values: npt.NDArray[np.float64]) -> Any:
        mean = values.mean()
        return SimpleNamespace(mean=mean, low=mean - 0.1, high=mean + 0.1)


def space(leaves: Mapping[str, Any] = SPACE, config: DictConfig = CONFIG) -> Space:
    return Space.of(leaves, config)


def tuning(**changes: Any) -> Tuning:
    return Tuning(**{"space": SPACE, "n_trials": 5, "prune_every": 50, **changes})


def studied(folder: Path, objective: Any, wanted: Tuning) -> list[optuna.trial.FrozenTrial]:
    """All trials of a study after a call."""
    with opened(folder, IDENTITY) as study:
        run(study, wanted, objective, folder, lambda number: None)
        return study.get_trials()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[optuna.trial.FrozenTrial]:
    """The trials of a study that nothing disturbs."""
    return studied(tmp_path_factory.mktemp("whole"), Bowl(space()), tuning())


@pytest.fixture(scope="module")
def begun_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study of one trial; making the tables of a study takes longer than its trials."""
    folder = tmp_path_factory.mktemp("begun") / "study"
    studied(folder, Bowl(space()), tuning(n_trials=1))
    return folder


@pytest.fixture
def begun(begun_once: Path, tmp_path: Path) -> Path:
    """A study of one trial, for this test alone."""
    return Path(shutil.copytree(begun_once, tmp_path / "begun"))


@pytest.mark.parametrize(
    ("leaf", "expected"),
    [
        ({"low": 3, "high": 63}, IntDistribution(3, 63)),
        ({"low": 3, "high": 63, "log": True}, IntDistribution(3, 63, log=True)),
        ({"low": 5, "high": 65, "step": 10}, IntDistribution(5, 65, step=10)),
        ({"low": 3, "high": 63.5}, FloatDistribution(3, 63.5)),
        ({"low": 0.5, "high": 20.5, "step": 0.5}, FloatDistribution(0.5, 20.5, step=0.5)),
        ({"low": 0.1, "high": 100.0, "log": True}, FloatDistribution(0.1, 100, log=True)),
        ({"choices": [7, 15, None]}, CategoricalDistribution([7, 15, None])),
    ],
)
def test_a_space_is_read(leaf, expected):
    for leaves in ({"ranking": {"num_leaves": leaf}}, {"ranking.num_leaves": leaf}):
        found = space(leaves)
        assert found.distributions == {"ranking.num_leaves": expected}
        assert found.start == {"ranking.num_leaves": 15}


@pytest.mark.parametrize(
    ("leaves", "said"),
    [
        ({}, "at least one setting"),
        ({"ranking": {}}, "at least one setting"),
        ({"ranking": {"num_leaves": 7}}, "must be {low, high}"),
        ({"ranking": {"num_leaves": {"low": 7}}}, "must be {low, high}"),
        ({"ranking": {"num_leaves": {"low": 7, "hihg": 9}}}, "must be {low, high}"),
        ({"ranking": {"num_leaves": {"low": 7, "high": 20, "choices": [7, 15]}}}, "must be {low, high}"),
        ({"ranking": {"num_leaves": {"low": 20, "high": 7}}}, "from a low number to a higher one"),
        ({"ranking": {"num_leaves": {"low": "few", "high": 7}}}, "from a low number"),
        ({"ranking": {"num_leaves": {"low": 0, "high": float("inf")}}}, "from a low number"),
        ({"ranking": {"num_leaves": {"low": 0, "high": 20, "log": True}}}, "log only from above 0"),
        ({"ranking": {"num_leaves": {"low": 1, "high": 20, "log": "yes"}}}, "log only"),
        ({"ranking": {"num_leaves": {"low": 1, "high": 20, "log": True, "step": 1}}}, "without a step"),
        ({"ranking": {"num_leaves": {"low": 0, "high": 20, "step": 3}}}, "divided evenly"),
        ({"ranking": {"num_leaves": {"low": 0, "high": 20, "step": 0}}}, "divided evenly"),
        ({"ranking": {"num_leaves": {"low": 0, "high": 20, "step": 0.5}}}, "whole step"),
        ({"ranking": {"num_leaves": {"low": 16, "high": 20}}}, "num_leaves=15 outside of 16 to 20"),
        (
            {"ranking": {"num_leaves": {"low": 0, "high": 20, "step": 10}}},
            "outside of 0 to 20 by steps of 10",
        ),
        ({"ranking": {"num_leaves": {"choices": [7, 31]}}}, "outside of 7, 31"),
        ({"ranking": {"num_leaves": {"choices": [15]}}}, "at least two plain values"),
        ({"ranking": {"num_leaves": {"choices": [15, [7]]}}}, "at least two plain values"),
        ({"ranking": {"num_leaves": {"choices": [15, 15.0]}}}, "choices that differ"),
        (
            {"ranking": {"leaves": {"low": 7, "high": 20}}},
            "settings of the configuration. Got ranking.leaves",
        ),
        ({"rankings.num_leaves": {"low": 7, "high": 20}}, "takes settings of retrieval, features, ranking"),
        ({"ranking": {"sampling": {"choices": [1, 2]}}}, "single values"),
        ({"ranking": {"_target_": {"choices": ["x", "os.system"]}}}, "Got ranking._target_"),
        ({"ranking._target_": {"choices": ["x", "os.system"]}}, "Got ranking._target_"),
        ({"dataset": {"n_users": {"low": 1, "high": 9}}}, "stays as it is. Got dataset.n_users"),
        ({"split.set_aside": {"low": 0, "high": 9}}, "stays as it is. Got split.set_aside"),
        ({"evaluation": {"seed": {"low": 0, "high": 9}}}, "stays as it is. Got evaluation.seed"),
        ({"retrieval.sources.ease.half_life": {"low": 0, "high": 9}}, "half_life=None outside of 0 to 9"),
    ],
)
def test_a_wrong_space_is_explained_in_a_sentence(leaves, said):
    with pytest.raises(ConfigurationError) as refused:
        space(leaves)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_values_keep_the_type_that_is_configured():
    key = "retrieval.sources.ease.regularisation"
    found = space({key: {"low": 10, "high": 1000}})
    assert found.start == {key: 100}
    changed = found.applied({key: 250})
    assert repr(OmegaConf.select(changed, key)) == "250.0"
    assert OmegaConf.select(CONFIG, key) == 100
    nested = {"retrieval": {"sources": {"ease": {"regularisation": 250.0}}}}
    assert OmegaConf.to_container(found.nested({key: 250})) == nested


def test_tables_are_shared_where_only_the_training_changes():
    assert space().shares_tables
    for other in ("ranking.sampling.n", "retrieval.sources.ease.quota"):
        assert not space({**SPACE, other: {"low": 1, "high": 200}}).shares_tables


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"rehearsals": [0]}, "a study never reads the test"),
        ({"rehearsals": [1, 0]}, "a study never reads the test"),
        ({"rehearsals": []}, "distinct ints of at least 1"),
        ({"rehearsals": [1, 1]}, "distinct ints of at least 1"),
        ({"rehearsals": 1}, "distinct ints of at least 1"),
        ({"n_trials": 0}, "n_trials"),
        ({"timeout_minutes": -1}, "timeout_minutes"),
        ({"out": "best.txt"}, "out"),
        ({"dir": None}, "dir"),
        ({"space": None}, "space"),
        ({"space": {"ranking": {"_target_": {"choices": ["os.system"]}}}}, "_target_"),
        ({"direction": "minimize"}, "direction"),
    ],
)
def test_a_wrong_setting_of_the_study_is_explained(settings, said):
    node = {"_target_": "pipeline.tuning.specification.Tuning", "space": SPACE, **settings}
    with pytest.raises(ConfigurationError, match=said):
        build(OmegaConf.create({"tune": node}), "tune")


@pytest.fixture
def configured(repository: Path) -> Iterator[Any]:
    with initialize_config_dir(str(repository / "conf"), version_base="1.3"):
        yield lambda root, *overrides: compose(root, list(overrides))


def test_the_first_trial_is_the_configuration_and_the_best_never_worse(whole):
    assert len(whole) == 5
    assert whole[0].params == space().start
    assert whole[0].user_attrs["start"]
    assert max(trial.value for trial in whole if trial.state == TrialState.COMPLETE) > whole[0].value
    assert {trial.params["ranking.num_leaves"] for trial in whole} > {15}


@pytest.mark.slow
def test_hopeless_trials_end_early_and_the_first_never_does(tmp_path):
    seen: list[int] = []

    @dataclass(frozen=True)
    class Counting(Bowl):
        def judge(self, rehearsal, parameters, watch):
            seen.append(0)

            def counting(n_trees: int, ndcg: float) -> None:
                seen[-1] = n_trees
                watch(n_trees, ndcg)

            return super().judge(rehearsal, parameters, counting)

    wanted = tuning(n_trials=8, prune_after_trials=2, prune_after_trees=60, prune_every=20)
    trials = studied(tmp_path, Counting(space()), wanted)
    pruned = [trial.number for trial in trials if trial.state == TrialState.PRUNED]
    assert pruned
    assert min(pruned) >= 2
    assert {seen[number] for number in pruned} <= {60, 80, 100, 120, 140, 160, 180, 200}
    assert min(seen[number] for number in pruned) == 60
    assert all(seen[trial.number] == 200 for trial in trials if trial.number not in pruned)
    levels = {trial.number: -abs(trial.params["ranking.num_leaves"] - 40) for trial in trials}
    assert max(levels[number] for number in pruned) < max(levels.values())


@pytest.mark.slow
def test_where_tables_differ_rehearsals_are_compared_and_not_trees(tmp_path):
    leaves = {**SPACE, "retrieval.sources.ease.quota": {"low": 1, "high": 200}}
    objective = Bowl(space(leaves), splits=("one", "other"))
    wanted = tuning(n_trials=8, prune_after_trials=2, rehearsals=[1, 2], prune_after_trees=1)
    trials = studied(tmp_path, objective, wanted)
    pruned = [trial for trial in trials if trial.state == TrialState.PRUNED]
    assert pruned
    assert {len(trial.intermediate_values) for trial in pruned} <= {1, 2}
    assert all(record(trial)["pruned"]["trees"] == 0 for trial in pruned)


@pytest.mark.parametrize("how", ["killed", pytest.param("interrupted", marks=pytest.mark.slow)])
@pytest.mark.slow
def test_a_study_that_was_killed_goes_on_as_if_it_had_not_been(tmp_path, whole, how):
    dies_at = whole[3].params["ranking.num_leaves"]
    mortal = Bowl(space(), dies_at=dies_at, how=how)
    if how == "killed":
        process = multiprocessing.get_context("fork").Process(
            target=studied, args=(tmp_path / "cut", mortal, tuning())
        )
        process.start()
        process.join(60)
        assert process.exitcode == -signal.SIGKILL
    else:
        with pytest.raises(KeyboardInterrupt):
            studied(tmp_path / "cut", mortal, tuning())
    again = studied(tmp_path / "cut", Bowl(space()), tuning())
    assert again[3].state == TrialState.FAIL
    assert record(again[3])["reason"].startswith("interrupted")
    ended = [trial for trial in again if trial.state != TrialState.FAIL]
    assert [trial.params for trial in ended] == [trial.params for trial in whole]
    assert [trial.value for trial in ended] == [trial.value for trial in whole]


@pytest.mark.slow
def test_killed_at_once_it_still_begins_with_the_configuration(tmp_path):
    mortal = Bowl(space(), dies_at=15, how="interrupted")
    with pytest.raises(KeyboardInterrupt):
        studied(tmp_path, mortal, tuning())
    trials = studied(tmp_path, Bowl(space()), tuning(n_trials=2))
    assert [trial.state for trial in trials] == [TrialState.FAIL, TrialState.COMPLETE, TrialState.COMPLETE]
    assert trials[1].params == space().start
    assert trials[1].user_attrs["start"]


@pytest.mark.slow
def test_more_trials_are_added_to_those_that_are_there(tmp_path, whole):
    for n_trials in (2, 2, 4):
        trials = studied(tmp_path, Bowl(space()), tuning(n_trials=n_trials))
        assert [trial.params for trial in trials] == [trial.params for trial in whole[:n_trials]]


@pytest.mark.slow
def test_no_trial_is_begun_after_the_time(tmp_path):
    assert len(studied(tmp_path, Bowl(space()), tuning(timeout_minutes=0))) == 1  # waits, and was not run
    with opened(tmp_path, IDENTITY) as study:
        assert done(study) == []


@pytest.mark.slow
def test_a_combination_that_is_refused_is_a_failed_trial(tmp_path, whole):
    leaves = whole[2].params["ranking.num_leaves"]
    trials = studied(tmp_path / "other", Bowl(space(), dies_at=leaves, how="refused"), tuning(n_trials=4))
    assert len(trials) == 4
    assert trials[2].state == TrialState.FAIL
    assert record(trials[2])["reason"] == "No, said the data."
    with pytest.raises(DataContractError, match="said the data"):
        studied(tmp_path / "first", Bowl(space(), dies_at=15, how="refused"), tuning())


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        ({**IDENTITY, "dataset.digest": "abd"}, r"dataset.digest=abc\. Got abd"),
        ({**IDENTITY, "ranking.num_trees": 300}, r"ranking.num_trees=400\. Got 300"),
        ({"dataset.digest": "abc"}, r"ranking.num_trees=400\. Got nothing"),
        ({**IDENTITY, "seed": 1}, r"seed=nothing\. Got 1"),
    ],
)
def test_a_study_of_something_else_is_refused(begun, identity, said):
    with pytest.raises(ConfigurationError, match=said), opened(begun, identity):
        pass


def test_one_process_at_a_time(begun):
    refused = pytest.raises(ResourceError, match="One process at a time")
    with opened(begun, IDENTITY), refused, opened(begun, IDENTITY):
        pass
    with opened(begun, IDENTITY):
        pass


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    for path in (tmp_path, tmp_path / "thesis.txt"):
        with pytest.raises(ConfigurationError, match=r"tune\.dir must be new"), opened(path, IDENTITY):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"no database at all" * 100, None])
def test_a_study_that_cannot_be_read_is_refused(begun, content):
    whole = (begun / FILE).read_bytes()
    (begun / FILE).write_bytes(whole[:5000] if content is None else content)
    with pytest.raises(ArtefactError, match=r"study\.sqlite must be a study"), opened(begun, IDENTITY):
        pass


@pytest.mark.slow
def test_the_folder_may_have_any_name(tmp_path):
    folder = tmp_path / "50 % of {what} we #know? for sure"
    assert len(studied(folder, Bowl(space()), tuning(n_trials=2))) == 2
    assert (folder / FILE).is_file()


@pytest.fixture
def objective() -> Objective:
    return Objective(space(), "ndcg@10", "digest", ("one",), Evaluation(n_resamples=200))  # type: ignore[arg-type]


def test_the_figure_of_one_rehearsal_is_the_one_of_the_report(objective):
    random = np.random.default_rng(0)
    values, others = random.random((2, 50, 1))
    values[:5] = others[:5] = np.nan
    report = bootstrap(values[5:], n_resamples=200, seed=0).intervals()[0]
    assert objective.figure(values) == report
    paired = paired_difference(values[5:, 0], others[5:, 0], n_resamples=200, seed=0)
    found = objective.difference(values, others)
    np.testing.assert_allclose([found.mean, found.low, found.high], [paired.mean, paired.low, paired.high])


def test_rehearsals_weigh_the_same_and_users_are_drawn_with_all_of_theirs(objective):
    values = np.full((60, 2), np.nan)
    values[:50, 0], values[40:, 1] = 0.2, 0.6
    figure = objective.figure(values)
    assert figure.mean == pytest.approx(0.4)
    assert figure.low == pytest.approx(0.4)
    assert objective.difference(values, values / 2).mean == pytest.approx(0.2)


@pytest.mark.slow
def test_the_summary_tells_of_every_trial(tmp_path, whole, objective):
    wanted = tuning(n_trials=8, prune_after_trials=2, prune_after_trees=60)
    unlucky = Bowl(space(), dies_at=whole[1].params["ranking.num_leaves"], how="refused")
    studied(tmp_path, unlucky, wanted)
    with opened(tmp_path, IDENTITY) as study:
        found = summary(study, wanted, objective, None, "run `glowrank experiment`")
        kept = values_of(tmp_path, 0)
        assert kept is not None
        assert kept.shape == (N_USERS, 1)
        assert best_of(study).value == max(t.value for t in study.get_trials() if t.value is not None)
        assert start_of(study).number == 0
    assert {trial["state"] for trial in found["trials"]} == {"complete", "pruned", "failed"}
    assert [trial["number"] for trial in found["trials"]] == list(range(8))
    assert found["test"] == "run `glowrank experiment`"
    assert json.dumps(found)
    text = as_markdown(found)
    rows = [row for row in text.splitlines() if row.startswith("| ") and row[2].isdigit()]
    assert len(rows) == 8
    assert "test" in text
    assert "pruned after 60 trees" in text
    assert "failed: No, said the data." in text
    assert "as configured" in line(found, 0)


def test_the_best_is_an_experiment_that_builds_upon_the_one_given(tmp_path, repository, objective):
    (tmp_path / "experiment").mkdir()
    leaves = {
        "ranking": {"num_leaves": {"low": 3, "high": 63}, "l2": {"low": 1e-7, "high": 9.0, "log": True}}
    }
    with initialize_config_dir(str(repository / "conf"), version_base="1.3"):
        given = compose("tune", ["experiment=tiny"])
        objective = replace(objective, space=Space.of(leaves, given))
        values = {"ranking.num_leaves": 37, "ranking.l2": 1.2345678901234567e-07}
        trial = optuna.trial.create_trial(
            params=values,
            distributions=dict(objective.space.distributions),
            value=0.5,
            user_attrs={"interval": [0.4, 0.6], "rehearsals": [0.5]},
        )
        text = as_experiment(trial, tuning(name="mine"), objective, ["tiny"], 9)
        (tmp_path / "experiment" / "tuned.yaml").write_text(text)
        searched = f"hydra.searchpath=[file://{tmp_path}]"
        composed = compose("experiment", ["experiment=tuned", searched])
    assert "mine, trial -1 of 9" in text
    expected = objective.space.applied(values)
    assert composed == {name: expected[name] for name in composed}
    assert composed.run.name == "tiny"
    assert (composed.ranking.num_leaves, composed.ranking.l2) == (37, 1.2345678901234567e-07)


def test_the_command_that_reads_the_test_repeats_what_was_overridden():
    given = (
        "experiment=tiny",
        "split=temporal",
        "tune.n_trials=3",
        "ranking.l2=3",
        "space=ranking",
        "seed=7",
    )
    given = (
        *given,
        "~retrieval.sources.ease",
        "dataset.path=my data",
        "run.dir=elsewhere",
        "+tune.space.x=1",
    )
    command = Asked(["tiny"], given).command("mine", ["ranking.l2"])
    expected = "split=temporal seed=7 '~retrieval.sources.ease' 'dataset.path=my data'"
    assert command == f"glowrank experiment experiment=mine {expected}"


def test_the_file_of_a_person_is_not_written_over(configured, tmp_path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("# @package _global_\nseed: 3\n")
    for out, experiments in ((mine, []), (tmp_path / "tiny.yaml", ["tiny"])):
        config = configured("tune", "experiment=tiny", f"tune.out={out}", f"tune.dir={tmp_path / 'study'}")
        with pytest.raises(ConfigurationError, match=r"tune\.out must be"):
            tune(config, Asked(experiments, []))
    assert mine.read_text().endswith("seed: 3\n")
    assert not (tmp_path / "study").exists()


def test_a_split_without_a_rehearsal_is_refused(configured, tmp_path):
    config = configured("tune", "split=random", f"tune.dir={tmp_path / 'study'}", "cache_dir=null")
    with pytest.raises(ConfigurationError, match=r"can set the test aside.*Got Random"):
        tune(config, Asked([], []))
    config = configured("tune", "tune.metric=ndcg@7", f"tune.dir={tmp_path / 'study'}")
    with pytest.raises(ConfigurationError, match=r"metric must be one of .*ndcg@10"):
        tune(config, Asked([], []))


def test_without_optuna_a_sentence_says_what_to_install(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("pipeline.tuning")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigurationError, match=r"install glowrank\[tune\]") as refused:
        importlib.import_module("pipeline.tuning.application")
    assert refused.value.exit_code == 2
