"""Leaving parts out: exactly the part that is named goes, and nothing is left out by mistake."""

import copy
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from hydra import compose, initialize_config_module
from omegaconf import DictConfig, OmegaConf

from dataset.errors import ConfigurationError
from pipeline.ablation import left_out, parts_of, reduced
from pipeline.applications import experiment_of, resolved
from pipeline.configuration import build
from ranking.reciprocal_rank_fusion import ReciprocalRankFusion


@pytest.fixture(autouse=True)
def composer() -> Iterator[None]:
    with initialize_config_module(config_module="conf", version_base="1.3"):
        yield


@cache
def composed(*overrides: str) -> DictConfig:
    return compose("experiment", ["run.dir=var", *overrides])


def plain(config: DictConfig) -> Any:
    return OmegaConf.to_container(config, resolve=True)


def without(*paths: str) -> DictConfig:
    """The default configuration, asked to leave the paths out."""
    config = copy.deepcopy(composed())
    config.without = list(paths)
    return config


@pytest.mark.parametrize(
    "place",
    [
        "retrieval.sources",
        "retrieval.sources.content.vectors",
        "features.vectors",
        "features.families",
        "features.exclude",
        "baselines",
    ],
)
@pytest.mark.slow
def test_the_part_goes_and_the_rest_stays_byte_for_byte(place: str) -> None:
    names = list(OmegaConf.select(composed(), place))
    assert names
    whole = plain(composed())
    for name in names:
        config = without(f"{place}.{name}")
        before = OmegaConf.to_container(config)
        expected = copy.deepcopy(whole)
        inside = expected
        for step in place.split("."):
            inside = inside[step]
        del inside[name]
        assert resolved(reduced(config)) == OmegaConf.to_yaml(OmegaConf.create(expected))
        assert OmegaConf.to_container(config) == before, "what was handed in has changed"


def test_nothing_is_left_out_unless_asked_for() -> None:
    assert reduced(composed()) is composed()
    assert plain(reduced(without()))["retrieval"] == plain(composed())["retrieval"]
    assert left_out(composed()) == ()
    assert left_out(OmegaConf.create({})) == ()
    assert left_out(composed("without=ranking")) == ("ranking",)


def test_without_stage_two_the_order_of_stage_one_remains() -> None:
    config = reduced(composed("without=ranking"))
    chosen = composed("ranking=reciprocal_rank_fusion")
    assert build(config, "ranking") == build(chosen, "ranking") == ReciprocalRankFusion()
    assert plain(config) | {"ranking": 0} == plain(composed()) | {"ranking": 0}


def test_several_parts_at_once() -> None:
    config = reduced(composed("without=[retrieval.sources.ease,ranking,features.families.group]"))
    assert "ease" not in config.retrieval.sources
    assert "group" not in config.features.families
    assert "ReciprocalRankFusion" in config.ranking._target_


def test_an_experiment_is_built_without_the_part() -> None:
    experiment = experiment_of(composed("without=retrieval.sources.ease"))
    assert experiment == experiment_of(composed("~retrieval.sources.ease"))
    assert experiment != experiment_of(composed())


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("retrieval.sources.eese", "retrieval.sources has transitions, ease, content, "),
        ("retrieval.sources.", "retrieval.sources has transitions, "),
        ("features.familys.group", "features has vectors, families, exclude"),
        ("source.ease", "the configuration has seed, threads, "),
        ("", "the configuration has seed, threads, "),
        ("retrieval.budget.half", "retrieval.budget has no parts"),
        ("features.families.similarity.vectors.0", "vectors has no parts"),
        ("retrieval.budget", "can be changed but not left out"),
        ("retrieval.sources.ease._target_", "can be changed but not left out"),
        ("features.families", "can be changed but not left out"),
        ("retrieval", "can be changed but not left out"),
        ("run.dir", "can be changed but not left out"),
        ("seed", "can be changed but not left out"),
    ],
)
def test_what_is_no_part_is_refused_with_what_there_is(path: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^without must name [^\n]*$") as refused:
        reduced(without(path))
    assert said in str(refused.value)
    assert f"Got {path}" in str(refused.value)


@pytest.mark.slow
@pytest.mark.parametrize("value", ["3", "[3]", "{a: 1}", "[[ranking]]", "true"])
def test_what_is_no_path_is_refused(value: str) -> None:
    with pytest.raises(ConfigurationError, match="must be the dotted path of a part, or a list"):
        experiment_of(composed(f"without={value}"))


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("features.vectors.ingredients", "Source 'content' searches embeddings"),
        ("retrieval.sources.content.vectors", "can be changed but not left out"),
    ],
)
def test_what_others_need_is_refused_as_ever(path: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        experiment_of(without(path))


def test_the_last_of_its_kind_stays() -> None:
    names = list(composed().features.families)
    with pytest.raises(ConfigurationError, match="at least one family"):
        experiment_of(without(*(f"features.families.{name}" for name in names)))


@pytest.mark.slow
@pytest.mark.parametrize(
    "overrides", [pytest.param((), marks=pytest.mark.slow), ("features=minimal", "~retrieval.sources.ease")]
)
def test_the_sweep_of_ablations_names_every_source_and_family(overrides: tuple[str, ...]) -> None:
    config = compose("experiment", ["sweep=ablation", *overrides], return_hydra_config=True)
    swept = config.hydra.sweeper.params.without.split(",")
    assert swept == [
        "null",
        *(f"retrieval.sources.{name}" for name in config.retrieval.sources),
        *(f"features.families.{name}" for name in config.features.families),
        "ranking",
    ]
    for path in swept[1:]:
        config.without = path
        assert experiment_of(config) is not None


def test_parts_that_are_not_there_are_none() -> None:
    assert parts_of("nowhere.at.all", _root_=composed()) == ""


def test_what_is_built_of_a_part_stays_when_the_part_goes() -> None:
    left = reduced(composed("retrieval=reviews", "without=retrieval.sources.transitions"))
    sources = plain(composed("retrieval=reviews"))["retrieval"]["sources"]
    assert plain(left)["retrieval"]["sources"] == {k: v for k, v in sources.items() if k != "transitions"}


def test_a_baseline_that_shows_a_source_stays_when_the_source_goes() -> None:
    overrides = ("experiment=sephora", "dataset.path=var", "without=retrieval.sources.linear")
    left = reduced(composed(*overrides))
    assert "linear" not in left.retrieval.sources
    assert plain(left)["baselines"] == plain(composed(*overrides))["baselines"]
    assert experiment_of(left).baselines.keys() >= {"linear", "companions"}


def test_what_is_built_of_a_part_that_stays_follows_it_on() -> None:
    left = reduced(composed("retrieval=reviews", "without=retrieval.sources.ease"))
    OmegaConf.update(left, "retrieval.sources.transitions.window", 3)
    assert plain(left)["retrieval"]["sources"]["blend"]["parts"]["transitions"]["window"] == 3
