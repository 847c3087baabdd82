"""Figures are those of an experiment; samples are nested; medians leave the warming up out."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.errors import DataContractError
from dataset.ranked import Ranked
from evaluation.evaluate import evaluate
from evaluation.specification import Evaluation, ItemFacts
from pipeline.benchmarking.answering import AsExperiment
from pipeline.benchmarking.clock import Clock
from pipeline.benchmarking.measuring import (
    Answered,
    Work,
    answered,
    drawn,
    figures,
    index_recall,
    judged,
    seconds_per_user,
    timed_blocks,
)
from pipeline.engines import Serial, Threads
from tests.pipeline.benchmarking.small import fitted, graph, specification, split

EVALUATION = Evaluation(cutoffs=[10], n_resamples=50, seed=3)


def of_all(engine=None) -> Answered:
    test = split().test
    work = Work(AsExperiment(fitted(), Clock()), test)
    return answered(engine or Serial(), work, specification().blocks(len(test.queries)))


def test_figures_are_those_of_an_experiment() -> None:
    test, found = split().test, of_all()
    told = figures(found, test, EVALUATION)
    evaluated = evaluate(
        EVALUATION,
        runs={"two_stage": found.lists},
        truth=test.truth,
        user=test.queries.user,
        is_warm=test.is_warm,
        items=ItemFacts.of(test, None),
    )
    run = json.loads(json.dumps(evaluated.metrics["runs"]["two_stage"]))
    assert told["ndcg@10"] == run["ndcg@10"]
    assert told["coverage@10"] == run["coverage@10"]["mean"]
    assert told["n_queries"] == evaluated.metrics["queries"]["warm"]
    np.testing.assert_array_equal(told["values"], evaluated.column("two_stage", "ndcg@10"))


def test_recall_of_the_pool_counts_what_users_took() -> None:
    test = split().test
    told = figures(of_all(), test, EVALUATION)
    requests, rows = test.requests(), judged(test)
    pool = fitted().stage_one.candidates(requests)
    shares = [
        np.isin(test.truth.items[row], pool.item[pool.offsets[row] : pool.offsets[row + 1]]).mean()
        for row in rows
    ]
    assert told["pool_recall"] == pytest.approx(np.mean(shares))
    assert told["n_candidates"] == pytest.approx(np.diff(pool.offsets)[rows].mean())


def test_threads_change_no_figure() -> None:
    one, two = (
        figures(of_all(engine), split().test, EVALUATION) for engine in (Serial(), Threads(threads=2))
    )
    np.testing.assert_array_equal(one.pop("values"), two.pop("values"))
    assert one == two


@given(n=st.integers(1, 200), seed=st.integers(0, 99))
@settings(max_examples=20)
def test_a_smaller_draw_is_part_of_a_larger_one(n: int, seed: int) -> None:
    test = split().test
    few, everybody = drawn(test, n, seed), judged(test)
    assert len(few) == min(n, len(everybody))
    assert set(few) <= set(drawn(test, n + 7, seed)) <= set(everybody)
    assert (np.diff(few) > 0).all()
    np.testing.assert_array_equal(drawn(test, None, seed), everybody)


def test_nobody_to_judge_by_is_a_sentence() -> None:
    test = split().test
    nobody = replace(test, history=test.history.take(np.zeros(0, np.int64)), request_history=None)
    with pytest.raises(DataContractError, match="users with history"):
        drawn(nobody, None, 0)


@given(
    n=st.integers(1, 300),
    size=st.integers(1, 100),
    users=st.integers(1, 500),
    n_blocks=st.integers(1, 6),
    threads=st.integers(1, 4),
)
def test_timed_blocks_keep_their_size(n: int, size: int, users: int, n_blocks: int, threads: int) -> None:
    blocks = timed_blocks(np.arange(n) * 3, size, users, n_blocks, threads)
    assert len(blocks) == max(n_blocks, threads) + threads
    assert max(map(len, blocks)) <= min(size, n)
    assert all(len(block) >= 1 and (np.diff(block) > 0).all() for block in blocks)


def test_seconds_are_medians_without_what_warmed_up() -> None:
    of_blocks = ({"search": 90.0, "total": 99.0}, *({"search": s, "total": 2 * s} for s in (1.0, 5.0, 3.0)))
    found = Answered(np.zeros(0), Ranked(np.zeros(0), np.zeros(0)), np.zeros(0), np.zeros(0), of_blocks)
    none = dict.fromkeys(("features", "ranking", "cutting"))
    assert seconds_per_user(found, 1) == {"search": 3.0, "total": 6.0, **none}
    assert seconds_per_user(found, 2)["total"] == 2 * 4.0 / 2


def test_recall_of_an_index_is_against_exact_search() -> None:
    test, rows = split().test, drawn(split().test, 60, 0)
    assert index_recall(fitted().stage_one.retrieval, test, rows) == 1.0
    requests = test.requests(rows)
    both = (
        model.stage_one.retrieval.sources["content"].retrieve(requests, 20) for model in (fitted(), graph())
    )
    wanted, found = (
        {(row, item) for row, items in enumerate(lists.items) for item in items[items >= 0]} for lists in both
    )
    recall = index_recall(graph().stage_one.retrieval, test, rows)
    assert recall == pytest.approx(len(wanted & found) / len(wanted))
    assert recall < 1
    without = replace(
        fitted().stage_one.retrieval,
        sources={"popular": fitted().stage_one.retrieval.sources["popular"]},
        quotas=(20,),
    )
    assert index_recall(without, test, rows) is None
