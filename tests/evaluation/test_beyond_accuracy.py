"""The section of the metrics file on what lists are like."""

import json
from dataclasses import replace

import jinja2
import numpy as np
import pytest

from dataset.errors import DataContractError
from dataset.ragged import Categorical
from evaluation.beyond_accuracy import beyond_accuracy
from evaluation.groups import by_group
from evaluation.intervals import bootstrap
from evaluation.list_measures import measure_lists
from evaluation.metrics.coverage import Coverage
from evaluation.metrics.gini import Gini
from evaluation.report.wording import FILTERS
from tests.evaluation.samples import qrels_of, ranked_of
from tests.evaluation.worlds import N_ITEMS, World

M, K = 200, 3
GROUPS = {
    "skin_type": Categorical(np.repeat([0, 1, -1], [90, 90, 20]).astype(np.int32), ("dry", "oily")),
    "alone": Categorical(np.zeros(M, np.int32), ("all",)),
}


@pytest.fixture(scope="module")
def world() -> World:
    random = np.random.default_rng(0)
    some = [random.permutation(N_ITEMS).tolist() for _ in range(M)]
    return World(
        events=[[(item, "purchase") for item in order[:2]] for order in some],
        lists=[order[1:6] for order in some],
        truth=[order[3:5] if at % 10 else [] for at, order in enumerate(some)],
        category=[0, 0, 0, 1, 1, 1, 2, 2, -1],
        popularity=[9, 8, 7, 6, 5, 4, 3, 2, 1],
        age_days=[1, 400, 30, 400, 400, 80, 400, 400, 100],
        available=[True] * 8 + [False],
        vectors={item: [1, 0] if item % 2 else [0, 1] for item in range(N_ITEMS)},
    )


@pytest.fixture(scope="module")
def parts(world: World) -> dict:
    random = np.random.default_rng(1)
    runs = {
        "two_stage": ranked_of(world.lists, 6),
        "popularity": ranked_of([[0, 1, 2, 3]] * M, 6),
    }
    return {
        "runs": runs,
        "truth": qrels_of(world.truth),
        "facts": world.facts,
        "groups": GROUPS,
        "ndcg": {"two_stage": random.random(M), "popularity": random.random(M)},
        "k": K,
        "rows": np.flatnonzero(np.arange(M) % 10 > 0),
        "n_resamples": 50,
    }


@pytest.fixture(scope="module")
def section(parts: dict) -> dict:
    return beyond_accuracy(**parts)


def test_figures_are_means_over_the_queries_that_count(parts, section):
    rows = parts["rows"]
    for run, ranked in parts["runs"].items():
        values = measure_lists({run: ranked.take(rows)}, parts["truth"].take(rows),
                               parts["facts"].take(rows), k=K)[run]  # fmt: skip
        for name, column in values.items():
            mean = section["runs"][run][name]["mean"]
            if name.startswith("popularity_lift"):
                shown, before = np.nanmean(column, axis=0)
                assert mean == pytest.approx(shown / before - 1)
            elif np.isnan(column).all():
                assert mean is None
            else:
                assert mean == pytest.approx(np.nanmean(column))
        assert section["runs"][run][f"ndcg@{K}"]["mean"] == pytest.approx(parts["ndcg"][run][rows].mean())


def test_figures_of_all_lists_together_have_no_interval(parts, section):
    lists = parts["runs"]["two_stage"].take(parts["rows"])
    for metric in (Coverage(K), Gini(K)):
        value = metric(lists, parts["facts"].items.available)
        assert section["runs"]["two_stage"][metric.name] == {"mean": value, "low": None, "high": None}


def test_intervals_are_those_of_the_bootstrap(parts, section):
    values = parts["ndcg"]["two_stage"][parts["rows"]]
    expected = bootstrap(values[:, None], n_resamples=50, seed=0).intervals()[0]
    assert section["runs"]["two_stage"][f"ndcg@{K}"] == expected.as_json()
    lift = section["runs"]["popularity"][f"popularity_lift@{K}"]
    assert lift["low"] < lift["mean"] < lift["high"]


def test_groups_of_the_main_run(parts, section):
    rows = parts["rows"]
    assert list(section["groups"]["skin_type"]) == ["dry", "oily", "unknown"]
    expected = by_group(parts["ndcg"]["two_stage"][rows], GROUPS["skin_type"].take(rows), n_resamples=50)
    for label, figures in expected.items():
        found = section["groups"]["skin_type"][label]
        assert {**found[f"ndcg@{K}"], "n": found["n"]} == figures
    one = section["groups"]["alone"]["all"]
    assert {name: one[name] for name in one if name != "n"} == {
        name: figures
        for name, figures in section["runs"]["two_stage"].items()
        if not name.startswith(("coverage", "gini"))
    }


def test_gaps_are_between_groups_that_are_large_enough(section):
    assert section["gaps"]["alone"] == {}
    for name, found in section["gaps"]["skin_type"].items():
        assert {found["best"], found["worst"]} == {"dry", "oily"}  # 18 users are without a label
        means = {label: section["groups"]["skin_type"][label][name]["mean"] for label in ("dry", "oily")}
        assert found["difference"]["mean"] == pytest.approx(means[found["best"]] - means[found["worst"]])
        assert found["difference"]["low"] < found["difference"]["mean"] < found["difference"]["high"]
    assert set(section["amplification"]["skin_type"]) == {"dry", "oily"}


def test_the_section_is_json_and_the_same_every_time(parts, section):
    text = json.dumps(section, allow_nan=False)
    assert json.dumps(beyond_accuracy(**parts)) == text


def test_runs_do_not_depend_on_one_another(parts, section):
    alone = beyond_accuracy(**{**parts, "runs": {"popularity": parts["runs"]["popularity"]}})
    assert alone["runs"]["popularity"] == section["runs"]["popularity"]
    assert (alone["groups"], alone["gaps"], alone["amplification"]) == ({}, {}, {})


def test_all_parts_are_of_the_same_queries(parts):
    with pytest.raises(DataContractError, match="same queries"):
        beyond_accuracy(**{**parts, "ndcg": {"two_stage": np.zeros(3)}})


def bare(parts):
    """Without vectors, categories, history."""
    facts = parts["facts"]
    nobody = World([[]] * M, [[]] * M, [[]] * M, [-1] * N_ITEMS, [1] * N_ITEMS, [1] * N_ITEMS,
                   [True] * N_ITEMS, {}).facts.histories  # fmt: skip
    nameless = Categorical(np.full(N_ITEMS, -1, np.int32), ())
    return replace(facts, vectors={}, category=nameless, category_levels=0, histories=nobody)


def test_what_is_not_known_is_left_empty(parts):
    found = beyond_accuracy(**{**parts, "facts": bare(parts)})["runs"]["two_stage"]
    assert not any(name.startswith("diversity") for name in found)
    for name in ("calibration", "popularity_lift", "recall_repeat", "recall_known_category"):
        assert found[f"{name}@{K}"] == {"mean": None, "low": None, "high": None}


def rendered(section, **more):
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("evaluation.report"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters |= FILTERS
    view = {"k": K, "main": "two_stage", "baseline": "popularity", "oracle": "oracle"}
    view |= {"metrics": {"beyond_accuracy": section}, "order": list(section.get("runs", ()))} | more
    return environment.get_template("beyond_accuracy.html.j2").render(**view)


def test_the_report_shows_it(parts, section):
    text = rendered(section)
    for words in ("Gini of exposure", "Miscalibration", "skin type", "oily", "Does it amplify"):
        assert words in text
    assert rendered({}).strip() == ""
    bare_text = rendered(beyond_accuracy(**{**parts, "facts": bare(parts)}))
    assert "Miscalibration, nats</th>" not in bare_text
    assert "Coverage</th>" in bare_text


def test_the_report_escapes_labels(parts):
    hostile = {"<i>skin</i>": Categorical(GROUPS["skin_type"].codes, ("<b>dry</b>", "oily"))}
    text = rendered(beyond_accuracy(**{**parts, "groups": hostile}))
    assert "<b>dry" not in text
    assert "<i>skin" not in text
