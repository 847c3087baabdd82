"""Points of a grid: the product of its axes, builds together, names that tell them apart."""

import re
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from dataset.errors import ConfigurationError, ParameterError
from pipeline.benchmarking.grid import points_of
from pipeline.benchmarking.specification import Benchmark

AXES = {"retrieval.budget": [100, 250], "ranker": {"one": [], "three": ["ranking=bagged", "seed=1"]}}


def test_all_combinations_builds_together() -> None:
    points = points_of(Benchmark(build=AXES, query={"block_size": [64, 128]}))
    assert len(points) == 8
    assert points[3].build.label == {"retrieval.budget": 100, "ranker": "three"}
    assert points[3].query.label == {"block_size": 128}
    assert points[3].overrides == ("retrieval.budget=100", "ranking=bagged", "seed=1", "block_size=128")
    assert points[3].name == "budget=100,ranker=three,block_size=128"
    builds = [point.build.overrides for point in points]
    assert builds == sorted(builds, key=builds.index)
    assert len(set(builds)) == 4


def test_a_named_cell_stands_beside_others_of_its_build() -> None:
    cells = {"narrow": {"build": ["retrieval.budget=100"], "query": ["block_size=8"]}, "wide": {}}
    points = points_of(Benchmark(build={"retrieval.budget": [100, 250]}, cells=cells))
    assert [point.name for point in points] == ["budget=100", "narrow", "budget=250", "wide"]
    assert points[1].build.label == {"retrieval.budget": "100"}
    assert points[1].query.overrides == ("block_size=8",)
    assert points[3].overrides == ()


def test_without_axes_there_is_what_is_configured_or_what_is_named() -> None:
    assert [point.name for point in points_of(Benchmark())] == ["as_configured"]
    assert [point.name for point in points_of(Benchmark(cells={"one": {}}))] == ["one"]


def test_axes_that_end_alike_are_told_apart() -> None:
    build = {"retrieval.sources.ease.quota": [1, 2], "retrieval.sources.content.quota": [2, 3], "seed": [4]}
    point = points_of(Benchmark(build=build))[0]
    assert point.name == "retrieval.sources.ease.quota=1,retrieval.sources.content.quota=2"
    assert point.build.label == {
        "retrieval.sources.ease.quota": 1,
        "retrieval.sources.content.quota": 2,
        "seed": 4,
    }


VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(-1, 1)
    | st.text("aZ9 ./=,'{}[]:-_é", max_size=8)
)


@given(value=VALUES | st.lists(VALUES, max_size=3))
def test_hydra_reads_back_what_is_written(value: Any) -> None:
    (point,) = points_of(Benchmark(build={"key": [value]}))
    (override,) = OverridesParser.create().parse_overrides(list(point.overrides))
    assert override.value() == value
    assert re.fullmatch(r"[\w=.,+-]+", point.name)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"build": {"a": 3}}, "benchmark.build.a must be a list of values, or a mapping"),
        ({"build": {"a": []}}, "benchmark.build.a must be a list"),
        ({"query": {"a": {"b": "c=1"}}}, "benchmark.query.a.b must be a list of overrides. Got 'c=1'"),
        ({"query": {"a": [{"b": 1}]}}, "benchmark.query.a must hold plain values"),
        ({"cells": {"a": {"built": []}}}, "benchmark.cells.a must be of build and query"),
        ({"build": {"x.a": ["b/c", "b c"]}}, "must have different names. Got a=b_c twice"),
    ],
)
def test_what_cannot_be_read_is_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        points_of(Benchmark(**wrong))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"build": 3},
        {"exhaustive": 1},
        {"timed_blocks": 0},
        {"queries": 0},
        {"cell_minutes": -1},
    ],
    ids=str,
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    name = next(iter(wrong))
    with pytest.raises(ParameterError, match=f"^The '{name}' parameter of Benchmark must be .* Got"):
        Benchmark(**wrong)
