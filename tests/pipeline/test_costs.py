"""Costs are paired differences of lists with and without, by hand on a random shop."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dataset.constraints import Constraints
from dataset.dataset import Dataset
from dataset.ragged import Categorical
from dataset.snapshot import Snapshot
from dataset.splits.temporal import Temporal
from evaluation.specification import Evaluation
from pipeline.costs import Costs
from pipeline.engines import Serial
from ranking.policy import Calibration, MarginalRelevance, NewItems, Policy
from tests.pipeline.test_list_policy import lists_of, model_of
from tests.pipeline.test_recommendation import random_shop

RULES = Temporal(cutoff=0.7, n_training=1)
POLICY = Policy(
    steps={
        "varied": MarginalRelevance(trade_off=0.1),
        "mixed": Calibration(trade_off=0.1),
        "fresh": NewItems(share=0.5, days=40.0),
    }
)


def shop() -> Dataset:
    """Four categories; ten of forty items are seen late."""
    dataset = random_shop(5, 60, 40, 900, 0.2, 0.9)
    codes = np.random.default_rng(5).integers(0, 4, 40).astype(np.int32)
    category = Categorical(codes, tuple("uvwx"))
    events = dataset.interactions
    events = events.take((events.item < 30) | (events.time > 1_605_000_000))
    return replace(dataset, items=replace(dataset.items, category=category), interactions=events)


def ndcg(snapshot: Snapshot, policy: Policy, k: int) -> dict[int, float]:
    """Of each user with history and truth, the long way."""
    lists = lists_of(model_of(snapshot, 5), snapshot, k, policy)
    found = {}
    for row in np.flatnonzero(snapshot.is_warm):
        truth = snapshot.truth.items[row].tolist()
        gains = [1 / np.log2(place + 2) for place in range(k)]
        got = sum(gain for item, gain in zip(lists.items[row], gains, strict=True) if item in truth)
        if truth:
            found[int(row)] = got / sum(gains[: len(truth)])
    return found


@pytest.fixture(scope="module")
def measured() -> tuple[Snapshot, dict[str, Any]]:
    dataset = shop()
    test = RULES.split(dataset).test
    costs = Costs(
        model=model_of(test, 5),
        test=test,
        repeats=replace(RULES, repurchase=True).split(dataset).test,
        constraints=Constraints(),
        policy=POLICY,
        evaluation=Evaluation(cutoffs=[5], headline=5, n_resamples=50),
        n=5,
        engine=Serial(),
        block_size=17,
    )
    return test, costs.measure()


def test_the_cost_of_a_policy_is_the_mean_difference(measured: tuple[Snapshot, dict[str, Any]]) -> None:
    test, found = measured
    assert found["metric"] == "ndcg@5"
    assert list(found["policies"]) == ["varied", "mixed", "fresh"]
    with_all = ndcg(test, POLICY, 5)
    assert len(with_all) > 20
    changed = 0
    for name, cost in found["policies"].items():
        without = ndcg(test, POLICY.without(name), 5)
        assert cost["users"] == len(with_all)
        assert cost["with"] == pytest.approx(np.mean(list(with_all.values())))
        assert cost["without"] == pytest.approx(np.mean(list(without.values())))
        difference = np.mean([with_all[row] - without[row] for row in with_all])
        assert cost["difference"]["mean"] == pytest.approx(difference)
        assert cost["difference"]["low"] <= difference <= cost["difference"]["high"]
        changed += int(difference != 0)
    assert changed


def test_each_policy_does_what_it_is_after(measured: tuple[Snapshot, dict[str, Any]]) -> None:
    effects = {name: cost["effect"] for name, cost in measured[1]["policies"].items()}
    assert effects["varied"]["with"] < effects["varied"]["without"]
    assert effects["mixed"]["with"] < effects["mixed"]["without"]
    assert effects["fresh"]["with"] > effects["fresh"]["without"]
    assert len({effect["measure"] for effect in effects.values()}) == 3


def test_promises_are_measured_with_the_policy_on(measured: tuple[Snapshot, dict[str, Any]]) -> None:
    _, found = measured
    assert {"avoided_ingredient", "out_of_stock", "already_owned"} == set(found["promises"])
    assert {cost["with"] for name, cost in found["promises"].items() if name != "already_owned"} == {
        found["policies"]["mixed"]["with"]
    }
