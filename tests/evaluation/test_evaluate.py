"""The sections of metrics.json: their keys, their meaning, their pairing."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from dataset.candidates import Candidates
from dataset.errors import ConfigurationError, DataContractError
from dataset.ranked import Ranked
from dataset.vectors import Vectors
from evaluation.evaluate import evaluate
from evaluation.retrieval import RetrievalStatistics
from evaluation.specification import Evaluation, ItemFacts
from tests.evaluation.samples import qrels_of, ranked_of

GOLDEN = Path(__file__).parents[1] / "golden" / "metrics_keys.json"
N_ITEMS = 40


@pytest.fixture
def facts():
    random = np.random.default_rng(0)
    return ItemFacts(
        available=np.ones(N_ITEMS, bool),
        popularity=random.integers(0, 50, N_ITEMS),
        n_users=100,
        vectors=Vectors(np.arange(N_ITEMS, dtype=np.int32), random.random((N_ITEMS, 4)).astype(np.float32)),
    )


def some_lists(seed, m=30, width=50):
    random = np.random.default_rng(seed)
    return ranked_of([random.permutation(N_ITEMS)[:width].tolist() for _ in range(m)], width)


def some_truth(m=30):
    random = np.random.default_rng(99)
    return [random.permutation(N_ITEMS)[: q % 4].tolist() for q in range(m)]  # every fourth is empty


def some_retrieval(truth):
    m = len(truth)
    items = np.tile(np.arange(10, dtype=np.int32), m)
    ranks = np.tile(np.arange(1, 21, dtype=np.int16).reshape(10, 2) % 11, (m, 1))
    candidates = Candidates(
        np.arange(m + 1, dtype=np.int64) * 10,
        items,
        ("transitions", "content"),
        np.zeros((m * 10, 2), np.float32),
        ranks,
    )
    return RetrievalStatistics.of(candidates, truth)


def keys(value):
    """The shape of nested mappings; a mean with its interval is one leaf."""
    if not isinstance(value, dict):
        return "number"
    if list(value) == ["mean", "low", "high"]:
        return "interval"
    return {key: keys(inner) for key, inner in value.items()}


def measured(facts, runs=None, **settings):
    truth = qrels_of(some_truth())
    return evaluate(
        Evaluation(**{"n_resamples": 100, **settings}),
        runs=runs or {"two_stage": some_lists(1), "popularity": some_lists(2)},
        truth=truth,
        user=np.arange(30, dtype=np.int32),
        is_warm=np.arange(30) % 3 > 0,
        items=facts,
        retrieval=some_retrieval(truth),
    )


def test_the_keys_are_those_that_others_rely_on(facts):
    metrics = measured(facts).metrics
    assert keys(metrics) == json.loads(GOLDEN.read_text())
    json.dumps(metrics, allow_nan=False)


def test_queries_without_truth_are_counted_and_left_out(facts):
    found = measured(facts)
    assert found.metrics["queries"] == {"all": 22, "warm": 15, "cold": 7, "without_truth": 8}
    table = found.per_query
    assert list(table.columns[:3]) == ["user", "is_warm", "n_relevant"]
    assert table.loc[table["n_relevant"] == 0, table.columns[3:]].isna().all(axis=None)


def test_runs_are_over_warm_queries_and_cold_over_cold(facts):
    found = measured(facts)
    table = found.per_query
    for rows, section in [
        (table["is_warm"], found.metrics["runs"]),
        (~table["is_warm"], found.metrics["cold"]["runs"]),
    ]:
        for run in section:
            mean = table.loc[rows, f"{run}/ndcg@10"].mean()
            assert section[run]["ndcg@10"]["mean"] == pytest.approx(mean)


def test_differences_are_main_minus_other_over_the_same_resamples(facts):
    found = measured(facts)
    difference = found.metrics["differences"]["two_stage - popularity"]["recall@10"]
    runs = found.metrics["runs"]
    mean = runs["two_stage"]["recall@10"]["mean"] - runs["popularity"]["recall@10"]["mean"]
    assert difference["mean"] == pytest.approx(mean)
    assert difference["low"] <= difference["mean"] <= difference["high"]


def test_a_copy_of_the_main_run_differs_by_nothing(facts):
    found = measured(facts, {"two_stage": some_lists(1), "copy": some_lists(1)})
    for figures in found.metrics["differences"]["two_stage - copy"].values():
        assert figures == {"mean": 0.0, "low": 0.0, "high": 0.0}


def test_without_a_main_run_there_are_no_differences(facts):
    assert measured(facts, {"popularity": some_lists(1)}).metrics["differences"] == {}


def test_coverage_has_no_interval(facts):
    coverage = measured(facts).metrics["runs"]["two_stage"]["coverage@10"]
    assert 0.9 < coverage["mean"] <= 1
    assert (coverage["low"], coverage["high"]) == (None, None)


def test_a_run_is_not_judged_by_the_runs_beside_it(facts):
    alone = measured(facts, {"two_stage": some_lists(1)}).metrics["runs"]["two_stage"]
    among = measured(facts, {"a": some_lists(3), "two_stage": some_lists(1)}).metrics["runs"]["two_stage"]
    assert alone == among


def test_equal_inputs_give_equal_bytes(facts):
    first, second = (json.dumps(measured(facts).metrics) for _ in range(2))
    assert first == second


def test_columns_by_query(facts):
    found = measured(facts)
    warm = found.column("two_stage", "recall@10")
    assert np.isnan(warm[::3]).all()
    assert np.isfinite(found.column("two_stage", "recall@10", warm_only=False)[3 * 3])
    assert np.nanmean(warm) == pytest.approx(found.metrics["runs"]["two_stage"]["recall@10"]["mean"])


def test_no_query_at_all(facts):
    nothing = Ranked(np.zeros((0, 50), np.int32), np.zeros((0, 50), np.float32))
    found = evaluate(
        Evaluation(n_resamples=10),
        runs={"two_stage": nothing},
        truth=qrels_of([]),
        user=np.zeros(0, np.int32),
        is_warm=np.zeros(0, bool),
        items=facts,
    )
    assert found.metrics["runs"]["two_stage"]["ndcg@10"]["mean"] is None
    assert found.metrics["retrieval"] == {}
    json.dumps(found.metrics, allow_nan=False)


def test_lists_too_narrow_for_the_largest_cutoff_are_refused(facts):
    with pytest.raises(DataContractError, match="Run 'short' has 20; ask for longer lists"):
        measured(facts, {"two_stage": some_lists(1), "short": some_lists(1, width=20)})


def test_parts_of_different_queries_are_refused(facts):
    with pytest.raises(DataContractError, match=r"same queries. Got \[29, 30\]"):
        measured(facts, {"two_stage": some_lists(1, m=29)})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cutoffs": (5, 20)}, "'headline' parameter of Evaluation must be one of cutoffs"),
        ({"cutoffs": (0, 10)}, "'cutoffs' parameter"),
        ({"cutoffs": ("10",)}, "'cutoffs' parameter"),
        ({"cutoffs": "10"}, "'cutoffs' parameter"),
        ({"cutoffs": 10}, "'cutoffs' parameter"),
        ({"cutoffs": ()}, "'headline' parameter"),
        ({"headline": "10"}, "'headline' parameter"),
        ({"n_resamples": 0}, "'n_resamples' parameter"),
        ({"seed": -1}, "'seed' parameter"),
    ],
)
def test_settings_are_checked(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        Evaluation(**settings)


def test_cutoffs_come_sorted_and_once():
    assert Evaluation(cutoffs=[20, 10, 10]).cutoffs == (10, 20)
    assert Evaluation(cutoffs=[20, 10]).depth == 20


def test_novelty_of_a_list_without_truth_is_left_out_too(facts):
    assert math.isnan(measured(facts).column("two_stage", "novelty@10", warm_only=False)[0])
