"""The cells to come: composed as experiment composes them, named by content, queries apart from builds."""

from collections.abc import Iterator
from typing import Any

import pytest
from hydra import compose, initialize_config_module
from omegaconf import DictConfig, OmegaConf

from dataset.errors import ConfigurationError
from pipeline.benchmarking.plan import Plan
from pipeline.benchmarking.specification import Benchmark

pytestmark = pytest.mark.slow

BASE = ("experiment=tiny", "split.set_aside=1")
REFERENCES = {"popularity": {"_target_": "retrieval.popular.Popular"}}


@pytest.fixture(autouse=True)
def composer() -> Iterator[None]:
    with initialize_config_module(config_module="conf", version_base="1.3"):
        yield


def composed(words: Any) -> DictConfig:
    return compose("experiment", list(words))


def plan(base: tuple[str, ...] = BASE, **settings: Any) -> Plan:
    return Plan.of(Benchmark(**settings), REFERENCES, base, composed)


def test_builds_are_shared_by_what_is_asked_of_them() -> None:
    found = plan(
        build={"index": {"hnsw": ["index=hnsw"]}},
        query={"retrieval.index.effort": [32, 64], "scorer": ["lightgbm"]},
    )
    assert [(cell.kind, cell.name) for cell in found.cells[:3]] == [
        ("source", "popularity"),
        ("oracle", "oracle"),
        ("exhaustive", "exhaustive"),
    ]
    cells = found.cells[3:]
    assert len(cells) == 2
    assert {cell.model for cell in cells} == set(found.models) == {found.cells[2].model}
    assert len({cell.key for cell in found.cells}) == 5
    assert cells[1].overrides == ("index=hnsw", "retrieval.index.effort=64", "scorer=lightgbm")
    asked = OmegaConf.create(cells[1].config)
    assert asked.retrieval.index.effort == 64
    assert asked.split.set_aside == 1
    assert OmegaConf.create(next(iter(found.models.values()))).retrieval.index.effort == 256


def test_every_size_is_data_of_its_own_with_references_of_its_own() -> None:
    found = plan(build={"retrieval.budget": [40, 50], "dataset.n_items": [60, 80]})
    assert len(found.data) == 2
    assert [cell.name for cell in found.cells] == [
        "popularity,n_items=60",
        "oracle,n_items=60",
        "exhaustive,n_items=60",
        "budget=40,n_items=60",
        "budget=50,n_items=60",
        "popularity,n_items=80",
        "oracle,n_items=80",
        "exhaustive,n_items=80",
        "budget=40,n_items=80",
        "budget=50,n_items=80",
    ]
    assert found.cells[5].overrides == ("dataset.n_items=80",)
    assert found.cells[5].build == {"dataset.n_items": 80}
    assert found.cells[7].build == {"retrieval.budget": 40, "dataset.n_items": 80}
    assert len(found.models) == 4


def test_what_needs_another_build_is_no_query() -> None:
    with pytest.raises(ConfigurationError, match=r"Got retrieval\.budget in as_configured; put it into"):
        plan(query={"retrieval.budget": [40]})


def test_keys_follow_what_decides_figures() -> None:
    def keys(base: tuple[str, ...] = BASE, **settings: Any) -> list[str]:
        return [cell.key for cell in plan(base, exhaustive=False, **settings).cells]

    first = keys()
    assert keys((*BASE, "run.name=other", "cache_dir=null"), cell_minutes=3, retry=True) == first
    assert not set(keys(seed=1)) & set(first)
    assert not set(keys((*BASE, "dataset.seed=1"))) & set(first)
    more = keys((*BASE, "ranking.num_trees=3"))
    assert more[:-1] == first[:-1]  # references know no ranker
    assert more[-1] != first[-1]


@pytest.mark.parametrize(
    ("base", "settings", "said"),
    [
        (("experiment=tiny", "split=random"), {}, "needs a split that can set the test aside"),
        (BASE, {"build": {"ranking.num_trees": ["many"]}}, "must be an int"),
    ],
)
def test_a_cell_that_cannot_be_is_refused_before_anything_begins(
    base: tuple[str, ...], settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        plan(base, **settings)
