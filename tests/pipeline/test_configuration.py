"""Every YAML builds what it says; nothing but our own specifications is ever instantiated."""

import copy
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_module
from omegaconf import DictConfig, OmegaConf

from dataset.constraints import Constraints
from dataset.errors import ConfigurationError, DataContractError, ParameterError
from dataset.repurchase import Repurchase
from pipeline.applications import experiment_of, resolved
from pipeline.benchmarking.grid import points_of
from pipeline.configuration import build, check_targets
from pipeline.experiment import Experiment
from pipeline.tuning.space import Space
from ranking.policy import Calibration, MarginalRelevance, NewItems, Policy

CONF = Path(__file__).parents[2] / "conf"
GROUPS = (
    "dataset",
    "split",
    "features",
    "retrieval",
    "ranking",
    "evaluation",
    "brief",
    "engine",
    "cleaning",
    "scorer",
    "ladder",
)
ROOTS = (
    "audit",
    "benchmark",
    "compare",
    "experiment",
    "explore",
    "gate",
    "prepare",
    "publish",
    "recommend",
    "tune",
)
CHOICES = [(group, path.stem) for group in GROUPS for path in sorted((CONF / group).glob("*.yaml"))]
TARGETS = [path.stem for path in sorted((CONF / "target").glob("*.yaml"))]
CONSTRAINTS = [path.stem for path in sorted((CONF / "constraints").glob("*.yaml"))]
POLICIES = [path.stem for path in sorted((CONF / "policy").glob("*.yaml"))]
SWEEPS = [path.stem for path in sorted((CONF / "sweep").glob("*.yaml"))]
SPACES = [path.stem for path in sorted((CONF / "space").glob("*.yaml"))]
INDICES = [path.stem for path in sorted((CONF / "index").glob("*.yaml"))]
GRIDS = [path.stem for path in sorted((CONF / "benchmark").glob("*.yaml"))]
EXPERIMENTS = [path.stem for path in sorted((CONF / "experiment").glob("*.yaml"))]
FILLED = ["dataset.path=/nowhere", "dataset.mapping=/nowhere/tables.yaml"]


@pytest.fixture(autouse=True)
def composer() -> Iterator[None]:
    with initialize_config_module(config_module="conf", version_base="1.3"):
        yield


@cache
def composed(root: str, *overrides: str) -> DictConfig:
    """Composing takes longer than all else here; nobody changes what it gives."""
    return compose(root, list(overrides))


def test_every_yaml_is_covered() -> None:
    names = {"benchmark", "constraints", "experiment", "index", "policy", "space", "sweep", "target", *GROUPS}
    covered = {
        *CHOICES,
        *(("experiment", name) for name in EXPERIMENTS),
        *(("sweep", name) for name in SWEEPS),
        *(("space", name) for name in SPACES),
        *(("index", name) for name in INDICES),
        *(("benchmark", name) for name in GRIDS),
        *(("target", name) for name in TARGETS),
        *(("constraints", name) for name in CONSTRAINTS),
        *(("policy", name) for name in POLICIES),
    }
    found = {(path.parent.name, path.stem) for path in CONF.glob("*/*.yaml")}
    assert found == covered
    assert {path.parent.name for path in CONF.glob("*/*.yaml")} == names
    assert {path.stem for path in CONF.glob("*.yaml")} == {*ROOTS, "hydra_settings"}


# What is configured by default is composed once for all; the other choices are composed in CI.
DEFAULTS = ("auto", "default", "lambdamart", "shop", "temporal", "threads")


@pytest.mark.parametrize(
    ("group", "choice"),
    [pytest.param(*pair, marks=() if pair[1] in DEFAULTS else pytest.mark.slow) for pair in CHOICES],
)
def test_every_choice_composes_and_builds(group: str, choice: str) -> None:
    filled = [
        name for name in FILLED if group == "dataset" and name.split("=")[0][8:] in _keys(group, choice)
    ]
    chosen = () if choice in DEFAULTS else (f"{group}={choice}", *filled)
    config = composed("experiment", *chosen)
    specification = build(config, group)
    target = config[group]["_target_"]
    assert f"{type(specification).__module__}.{type(specification).__qualname__}" == target


def _keys(group: str, choice: str) -> set[str]:
    return set(OmegaConf.load(CONF / group / f"{choice}.yaml"))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_composes_and_builds(name: str) -> None:
    config = copy.deepcopy(composed("experiment", f"experiment={name}"))
    for key, value in (override.split("=") for override in FILLED):
        if key.removeprefix("dataset.") in set(config.dataset.keys()):
            OmegaConf.update(config, key, value)
    assert isinstance(experiment_of(config), Experiment)


@pytest.mark.parametrize("name", SWEEPS)
def test_every_sweep_composes_and_builds(name: str) -> None:
    assert isinstance(experiment_of(composed("experiment", f"sweep={name}")), Experiment)


@pytest.mark.parametrize("name", SPACES)
def test_every_search_space_holds_the_default_configuration(name: str) -> None:
    config = composed("tune", f"space={name}")
    assert isinstance(experiment_of(config), Experiment)
    space = Space.of(build(config, "tune").space, config)
    assert space.start == {key: OmegaConf.select(config, key) for key in space.distributions}


@pytest.mark.parametrize("name", INDICES)
def test_every_index_composes_and_builds(name: str) -> None:
    config = composed("experiment", f"index={name}")
    retrieval = experiment_of(config).recommender.retrieval
    searching = [source.index for source in retrieval.sources.values() if hasattr(source, "index")]
    assert {found.kind for found in searching} == {name}
    assert set(config.retrieval.index) <= {"_target_", *vars(searching[0])}


@pytest.mark.slow
@pytest.mark.parametrize("name", GRIDS)
def test_every_grid_composes_and_has_points(name: str) -> None:
    config = composed("benchmark", f"benchmark={name}")
    assert isinstance(experiment_of(config), Experiment)
    benchmark = build(config, "benchmark")
    assert benchmark.name == name
    assert points_of(benchmark)


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_every_choice_of_constraints_composes_and_builds(name: str) -> None:
    found = build(composed("recommend", f"constraints={name}", "run=a", "out=b"), "constraints")
    assert found == Constraints(repurchase=Repurchase() if name == "repurchase" else None)


def test_policies_compose_and_build_and_are_the_defaults_of_their_classes() -> None:
    assert build(composed("recommend"), "policy") == Policy()
    assert POLICIES == ["calibration", "default", "mmr", "new_items"]
    found = build(composed("recommend", "policy=[new_items,calibration,mmr]"), "policy")
    steps = {"mmr": MarginalRelevance(), "calibration": Calibration(), "new_items": NewItems()}
    assert found == Policy(steps=steps)
    assert list(found.steps) == list(steps)


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_composes_and_builds(name: str) -> None:
    config = composed("publish", f"target={name}")
    specification = build(config, "target")
    assert f"{type(specification).__module__}.{type(specification).__qualname__}" == config.target._target_
    assert specification == type(specification)(**{k: v for k, v in config.target.items() if k != "_target_"})


@pytest.mark.parametrize("root", ROOTS)
def test_every_command_composes(root: str) -> None:
    config = composed(root)
    assert not config.get("hydra")


def test_an_experiment_overrides_the_root() -> None:
    assert composed("experiment", "experiment=tiny").run.name == "tiny"


def test_a_plural_thing_is_removed_by_its_key() -> None:
    config = composed("experiment", "~retrieval.sources.ease")
    assert "ease" not in build(config, "retrieval").sources
    assert len(build(config, "retrieval").sources) > 1


@pytest.mark.parametrize(
    "target",
    [
        "joblib.load",
        "pandas.read_pickle",
        "pandas.eval",
        "os.system",
        "builtins.eval",
        "builtins.exec",
        "subprocess.run",
        "numpy.load",
        "hydra.utils.get_method",
        "dataset.encoding.hashlib.sha256",
        "dataset.encoding.hashlib",
        "dataset.ragged.pd.read_pickle",
        "dataset.ragged.pd.eval",
        "pipeline.artefacts.os.remove",
        "pipeline.artefacts.shutil.rmtree",
        "pipeline.run_folder.subprocess.run",
        "pipeline.artefacts.write_text",
        "pipeline.experiment.Evaluation",
        "pipeline.progress.Console",
        "retrieval.fusion.Popular",
        "dataset.persistence.load",
        "dataset..sources.shop.Shop",
        ".dataset.sources.shop.Shop",
        "dataset",
        "Shop",
        "",
        " os.system",
        "dataset.sources.shop.Shop()",
        "dataset.sources.shop.Shop.__init__",
        "dataset.sources.shop.Shop.__class__",
        "dataset.sources.shop.Nobody",
        "dataset.nowhere.Shop",
        "datasets.load_dataset",
        "dataset/../os.system",
        7,
        None,
        ["dataset.sources.shop.Shop"],
    ],
)
def test_a_foreign_target_is_refused(target: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def reached(*args: Any, **kwargs: Any) -> None:
        pytest.fail(f"{target} was instantiated")

    monkeypatch.setattr("pipeline.configuration.instantiate", reached)
    config = OmegaConf.create({"dataset": {"inner": [{"deep": {"_target_": target}}]}})
    with pytest.raises(ConfigurationError) as refused:
        build(config, "dataset")
    assert refused.value.exit_code == 2
    assert "_target_" in str(refused.value)


def test_a_foreign_module_is_not_even_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hostile_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    for target in ("hostile_module.run", "dataset.hostile_module.run"):
        with pytest.raises(ConfigurationError):
            check_targets({"_target_": target})
    assert "hostile_module" not in sys.modules


@pytest.mark.parametrize("key", ["_partial_", "_args_", "_convert_", "_recursive_"])
def test_the_switches_of_hydra_are_refused(key: str) -> None:
    target = {"_target_": "dataset.sources.shop.Shop"}
    for node in ({**target, key: True}, {**target, "start": {key: []}}, {key: True}):
        with pytest.raises(ConfigurationError, match=key):
            build(OmegaConf.create({"dataset": node}), "dataset")


@pytest.mark.parametrize(
    "override",
    [
        "dataset.n_users=ten",
        "dataset.n_users=1.5",
        "dataset.n_users=true",
        "dataset.n_users=null",
        "dataset.n_users=0",
        "dataset.n_users=[3]",
        "dataset.start=yesterday",
        "dataset.nonsense=1",
        "dataset._target_=Shop",
        "dataset.n_users=${nowhere}",
        "dataset.n_users=???",
    ],
)
def test_a_wrong_value_is_explained_in_a_sentence(override: str) -> None:
    config = changed(override)
    with pytest.raises(ConfigurationError) as refused:
        build(config, "dataset")
    message = str(refused.value)
    assert "\n" not in message
    assert override.split("=")[0].split(".")[-1] in message or "dataset" in message


def changed(override: str) -> DictConfig:
    """The composed configuration with a value put in; what composing itself refuses is tested elsewhere."""
    config = copy.deepcopy(composed("experiment"))
    OmegaConf.set_struct(config, False)
    config.merge_with_dotlist([override])
    return config


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("retrieval.budget=0", "budget"),
        ("retrieval.index=cube", "index"),
        ("retrieval.sources.mine.quota=5", "mine"),
        ("retrieval.sources.ease=null", "ease"),
        ("ranking.learning_rate=.nan", "learning_rate"),
        ("ranking.objective=pointwise", "objective"),
        ("split.cutoff=soon", "cutoff"),
        ("split.cutoff=2", "cutoff"),
        ("evaluation.cutoffs=[]", "cutoffs"),
        ("evaluation.headline=7", "headline"),
        ("engine.threads=0", "threads"),
        ("threads=many", "threads"),
        ("block_size=0", "block_size"),
        ("block_size=large", "block_size"),
        ("features.families={}", ""),
        ("baselines.popularity._target_=os.system", "os.system"),
        ("baselines.popularity=3", "baselines.popularity"),
        ("ranking=3", "ranking"),
        ("ranking._partial_=true", "_partial_"),
        ("split=null", "split"),
    ],
)
def test_a_wrong_value_anywhere_is_explained(override: str, said: str) -> None:
    if override == "features.families={}":
        config = copy.deepcopy(composed("experiment"))
        config.features.families = {}
        said = "at least one family"
    else:
        config = changed(override)
    with pytest.raises(ConfigurationError) as refused:
        experiment_of(config)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_the_error_of_a_nested_specification_is_ours() -> None:
    config = composed("experiment", "retrieval.sources.ease.regularisation=-1")
    with pytest.raises(ParameterError, match="'regularisation' parameter of Ease"):
        build(config, "retrieval")


def test_what_is_not_there_is_named() -> None:
    with pytest.raises(ConfigurationError, match="must have 'elsewhere'"):
        build(composed("experiment"), "elsewhere")


def test_a_mandatory_value_that_is_missing_is_named() -> None:
    config = composed("experiment", "dataset=canonical")
    with pytest.raises(ConfigurationError, match=r"dataset\.path"):
        build(config, "dataset")


def test_a_data_error_keeps_its_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Any) -> None:
        raise DataContractError("Bad data.")

    monkeypatch.setattr("dataset.sources.shop.Shop.__post_init__", refuse)
    with pytest.raises(DataContractError, match="Bad data"):
        build(composed("experiment"), "dataset")


def test_the_resolved_configuration_builds_the_same() -> None:
    config = composed("experiment", "experiment=tiny", "seed=7")
    again = OmegaConf.create(resolved(config))
    assert isinstance(again, DictConfig)
    for group in GROUPS:
        assert build(again, group) == build(config, group)
    assert again.ranking.seed == 7
