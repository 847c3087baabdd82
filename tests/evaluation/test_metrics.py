"""Accuracy metrics against two oracles: trec_eval, and the definitions written out."""

import math

import numpy as np
import pytest
import pytrec_eval
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.errors import ParameterError
from dataset.ordering import top_k_of_rows, top_k_of_segments
from dataset.queries import Qrels
from dataset.ragged import offsets_of
from evaluation.metrics.average_precision import AveragePrecision
from evaluation.metrics.hit_rate import HitRate
from evaluation.metrics.metric import hit_matrix
from evaluation.metrics.ndcg import Ndcg
from evaluation.metrics.precision import Precision
from evaluation.metrics.recall import Recall
from evaluation.metrics.reciprocal_rank import ReciprocalRank
from tests.evaluation.samples import lists_and_truth, qrels_of, ranked_of

METRICS = (Recall, Precision, Ndcg, ReciprocalRank, AveragePrecision, HitRate)
MEASURES = (
    (Recall, "recall_{k}"),
    (Precision, "P_{k}"),
    (Ndcg, "ndcg_cut_{k}"),
    (AveragePrecision, "map_cut_{k}"),
    (HitRate, "success_{k}"),
    (ReciprocalRank, "recip_rank"),
)
"""What trec_eval calls each."""


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
@settings(max_examples=50)
@given(cases=lists_and_truth, k=st.integers(1, 15), width=st.integers(8, 12))
def test_metrics_are_what_their_definitions_say(metric, cases, k, width):
    lists, truth = zip(*cases, strict=True)
    qrels = qrels_of(truth)
    values = metric(k)(hit_matrix(ranked_of(lists, width), qrels), qrels.items.lengths)
    assert values.dtype == np.float64
    expected = [written_out(metric, *case, k) if case[1] else math.nan for case in cases]
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    assert not (values > 1).any()


@pytest.mark.parametrize(("metric", "measure"), MEASURES)
@settings(max_examples=50)
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


# trec_eval orders equal scores by name, descending, so the names run against the codes.
def named(item):
    return f"{99 - item:02d}"


_scored = st.dictionaries(st.integers(0, 14), st.sampled_from([-1.0, 0.0, 0.25, 0.5, 3.0]), max_size=15)
_scored_and_truth = st.lists(
    st.tuples(_scored, st.dictionaries(st.integers(0, 14), st.integers(1, 30), max_size=14)),
    min_size=1,
    max_size=5,
)


@pytest.mark.parametrize("by_rows", [False, True])
@settings(max_examples=60)
@given(cases=_scored_and_truth, k=st.sampled_from([1, 5, 10]))
def test_scores_with_ties_are_cut_and_measured_as_by_trec_eval(by_rows, cases, k):
    ranked = cut_rows(cases) if by_rows else cut_segments(cases)
    truth = [sorted(relevant) for _, relevant in cases]
    grades = np.array([r[item] for (_, r), row in zip(cases, truth, strict=True) for item in row], np.int8)
    qrels = Qrels(qrels_of(truth).items, grades)
    hits = hit_matrix(ranked, qrels)
    run = {str(q): {named(i): score for i, score in scored.items()} for q, (scored, _) in enumerate(cases)}
    known = {str(q): {named(item): 1 for item in row} for q, row in enumerate(truth) if row}
    asked = {"recip_rank"} | {f"{name}.{k}" for name in ("recall", "P", "ndcg_cut", "map_cut", "success")}
    found = pytrec_eval.RelevanceEvaluator(known, asked).evaluate({q: d for q, d in run.items() if d})
    for metric, measure in MEASURES:
        values = metric(k)(hits, qrels.items.lengths)
        for query, (scored, relevant) in enumerate(cases):
            if not relevant:
                assert math.isnan(values[query])
            elif not scored:
                assert values[query] == 0
            else:
                expected = found[str(query)][measure.format(k=k)]
                if metric is ReciprocalRank and expected < 1 / (k + 0.5):  # trec_eval does not cut it
                    expected = 0.0
                assert values[query] == pytest.approx(expected, rel=1e-9)


def cut_segments(cases):
    """Lists as a source or a ranker makes them, from flat candidates by ascending item."""
    flat = [(item, scored[item]) for scored, _ in cases for item in sorted(scored)]
    items = np.array([item for item, _ in flat], np.int32)
    scores = np.array([score for _, score in flat], np.float32)
    return top_k_of_segments(offsets_of(np.array([len(scored) for scored, _ in cases])), items, scores, 10)


def cut_rows(cases):
    """The same from a dense matrix."""
    scores = np.full((len(cases), 15), -np.inf, np.float32)
    for row, (scored, _) in enumerate(cases):
        scores[row, list(scored)] = list(scored.values())
    return top_k_of_rows(scores, 10)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (Recall, 3 / 5),
        (Precision, 1),
        (Ndcg, 1),
        (AveragePrecision, 3 / 5),
        (ReciprocalRank, 1),
        (HitRate, 1),
    ],
)
def test_a_perfect_list_that_is_shorter_than_the_truth(metric, expected):
    qrels = qrels_of([[0, 1, 2, 3, 4]])
    assert metric(3)(hit_matrix(ranked_of([[4, 0, 2]], 3), qrels), qrels.items.lengths) == [expected]


@settings(max_examples=40)
@given(cases=lists_and_truth, k=st.integers(1, 12))
def test_no_truth_has_no_value_and_no_list_has_the_value_zero(cases, k):
    lists = [chosen for chosen, _ in cases]
    hits = hit_matrix(ranked_of(lists, 12), qrels_of([[] for _ in cases]))
    assert not hits.any()
    relevant = qrels_of([[0] for _ in cases])
    nothing = hit_matrix(ranked_of([[] for _ in cases], 12), relevant)
    for metric in METRICS:
        assert np.isnan(metric(k)(hits, np.zeros(len(cases), np.int64))).all()
        assert not metric(k)(nothing, relevant.items.lengths).any()


@settings(max_examples=40)
@given(cases=lists_and_truth, k=st.integers(1, 9), at=st.integers(0, 7))
def test_what_stands_behind_the_cutoff_changes_nothing(cases, k, at):
    lists, truth = zip(*cases, strict=True)
    qrels = qrels_of(truth)
    whole, cut = (ranked_of(rows, 12) for rows in (lists, [chosen[: k + at] for chosen in lists]))
    for metric in METRICS:
        one, other = (metric(k)(hit_matrix(ranked, qrels), qrels.items.lengths) for ranked in (whole, cut))
        np.testing.assert_array_equal(one, other)


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
