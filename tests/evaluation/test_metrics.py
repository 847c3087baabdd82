"""Accuracy metrics against two oracles: trec_eval, and the definitions written out."""

import math

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given
from hypothesis import strategies as st

from dataset.errors import ParameterError
from evaluation.metrics.average_precision import AveragePrecision
from evaluation.metrics.hit_rate import HitRate
from evaluation.metrics.metric import hit_matrix
from evaluation.metrics.ndcg import Ndcg
from evaluation.metrics.precision import Precision
from evaluation.metrics.recall import Recall
from evaluation.metrics.reciprocal_rank import ReciprocalRank
from tests.evaluation.samples import lists_and_truth, qrels_of, ranked_of

METRICS = (Recall, Precision, Ndcg, ReciprocalRank, AveragePrecision, HitRate)


def written_out(metric, chosen, relevant, k):
    """The definition, item by item."""
    hits = [item in relevant for item in chosen[:k]]
    if metric is Recall:
        return sum(hits) / len(relevant)
    if metric is Precision:
        return sum(hits) / k
    if metric is HitRate:
        return float(any(hits))
    if metric is ReciprocalRank:
        return next((1 / rank for rank, hit in enumerate(hits, 1) if hit), 0.0)
    if metric is AveragePrecision:
        return sum(sum(hits[:rank]) / rank for rank, hit in enumerate(hits, 1) if hit) / len(relevant)
    gain = sum(1 / math.log2(rank + 1) for rank, hit in enumerate(hits, 1) if hit)
    return gain / sum(1 / math.log2(rank + 1) for rank in range(1, min(len(relevant), k) + 1))


@pytest.mark.parametrize("metric", METRICS)
@given(cases=lists_and_truth, k=st.integers(1, 15), width=st.integers(8, 12))
def test_metrics_are_what_their_definitions_say(metric, cases, k, width):
    lists, truth = zip(*cases, strict=True)
    qrels = qrels_of(truth)
    values = metric(k)(hit_matrix(ranked_of(lists, width), qrels), qrels.items.lengths)
    assert values.dtype == np.float64
    expected = [written_out(metric, *case, k) if case[1] else math.nan for case in cases]
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    assert not (values > 1).any()


@pytest.mark.parametrize(
    ("metric", "measure"),
    [
        (Recall, "recall_{k}"),
        (Precision, "P_{k}"),
        (Ndcg, "ndcg_cut_{k}"),
        (AveragePrecision, "map_cut_{k}"),
        (HitRate, "success_{k}"),
        (ReciprocalRank, "recip_rank"),
    ],
)
@given(cases=lists_and_truth, k=st.sampled_from([1, 5, 10]))
def test_metrics_agree_with_trec_eval(metric, measure, cases, k):
    lists, truth = zip(*cases, strict=True)
    qrels = qrels_of(truth)
    values = metric(k)(hit_matrix(ranked_of(lists, 12), qrels), qrels.items.lengths)
    # trec_eval breaks ties its own way, so the order is told by distinct scores; it has no recip_rank_k.
    cut = [chosen[:k] for chosen in lists] if metric is ReciprocalRank else lists
    run = {str(q): {str(item): -float(at) for at, item in enumerate(c)} for q, c in enumerate(cut)}
    known = {str(q): {str(item): 1 for item in relevant} for q, relevant in enumerate(truth) if relevant}
    name = measure.format(k=k)
    found = pytrec_eval.RelevanceEvaluator(known, {name.replace(f"_{k}", f".{k}")}).evaluate(run)
    for query, relevant in enumerate(truth):
        if not relevant:
            assert math.isnan(values[query])
        elif lists[query]:
            assert values[query] == pytest.approx(found[str(query)][name], rel=1e-9)
        else:
            assert values[query] == 0


@given(cases=lists_and_truth)
def test_a_hit_is_a_relevant_item_at_a_place_of_the_list(cases):
    lists, truth = zip(*cases, strict=True)
    hits = hit_matrix(ranked_of(lists, 9), qrels_of(truth))
    expected = [[item in relevant for item in c] + [False] * (9 - len(c)) for c, relevant in cases]
    np.testing.assert_array_equal(hits, expected)


def test_padding_is_never_a_hit_even_of_the_last_item_of_the_query_before():
    hits = hit_matrix(ranked_of([[], []], 3), qrels_of([[4], [0]]))
    assert not hits.any()


def test_no_queries_and_no_places():
    assert hit_matrix(ranked_of([], 5), qrels_of([])).shape == (0, 5)
    qrels = qrels_of([[1]])
    hits = hit_matrix(ranked_of([[]], 0), qrels)
    for metric in METRICS:
        assert metric(3)(hits, qrels.items.lengths).tolist() == [0.0]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [0, -1, "10", 2.0, True])
def test_the_cutoff_is_a_positive_int(metric, k):
    with pytest.raises(ParameterError, match="'k' parameter"):
        metric(k)


def test_names_are_the_keys_of_the_metrics_file():
    names = [metric(10).name for metric in METRICS]
    assert names == ["recall@10", "precision@10", "ndcg@10", "mrr@10", "map@10", "hit_rate@10"]
