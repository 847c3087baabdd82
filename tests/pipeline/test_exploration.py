"""What is fitted for an exploration: a leak that a random split hides is shown, and none is made up."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_module

from dataset.encoding import encode
from dataset.errors import DataContractError
from dataset.interactions import KINDS, SECONDS_PER_DAY, Interactions
from dataset.sources.shop import Shop
from dataset.splits.temporal import Temporal
from evaluation.exploration.specification import Exploration
from evaluation.exploration.split_advice import SplitNeeds
from features.activity import Activity
from features.feature_set import FeatureSet
from features.popularity import Popularity
from features.product import Product
from pipeline.configuration import build
from pipeline.exploration.application import Exploring
from pipeline.exploration.candidate_features import candidate_features
from pipeline.exploration.flattery import drawn_queries, flattery
from pipeline.exploration.measurement import Measurement
from pipeline.progress import Stopwatch
from retrieval.fusion import Retrieval
from retrieval.popular import Popular
from retrieval.transitions import Transitions
from tests.evaluation.exploration.logs import START, dataset_of

FEATURES = FeatureSet(
    vectors={},
    families={"popularity": Popularity(), "activity": Activity(), "product": Product()},
    exclude={"brand": "product.brand"},
)
MEASUREMENT = Measurement(
    retrieval=Retrieval(
        sources={
            "item_to_item": Transitions(quota=20, window=3, backward=1.0),
            "popularity": Popular(quota=20),
        },
        budget=30,
    ),
    features=FEATURES,
    feature_queries=60,
)
DAYS, USERS, ITEMS = 360, 400, 60
CUT = "2022-09-28"  # three quarters


def log(of_month):
    """Twelve purchases a user, of items that a function of the generator and the days draws."""
    random = np.random.default_rng(0)
    n = 12 * USERS
    day = random.integers(0, DAYS, n)
    events = Interactions(
        user=np.repeat(np.arange(USERS, dtype=np.int32), 12),
        item=of_month(random, day).astype(np.int32),
        kind=np.full(n, KINDS.index("purchase"), np.int8),
        value=np.full(n, np.nan, np.float32),
        time=(START + day) * SECONDS_PER_DAY,
    )
    return dataset_of(events.sorted(), USERS, ITEMS)


def fashion(random, day):
    """Each month has five items of its own."""
    return day // 30 * 5 + random.integers(0, 5, len(day))


def steady(random, day):
    """The same few bestsellers all the year."""
    weights = 1 / np.arange(1, ITEMS + 1)
    return random.choice(ITEMS, len(day), p=weights / weights.sum())


def compared(dataset, measurement=MEASUREMENT):
    return flattery(
        dataset, Temporal(cutoff=CUT, n_training=1), measurement,
        target_kinds=("purchase",), share=0.25, name="temporal", n_resamples=200, seed=0,
    )  # fmt: skip


@pytest.mark.slow
def test_a_planted_leak_of_the_random_split_is_shown():
    found = compared(log(fashion))
    for metric in ("recall@10", "ndcg@10"):
        figures = found["sources"]["item_to_item"][metric]
        assert figures["difference"]["low"] > 0
        assert figures["paired"]["low"] > 0
        assert figures["random"]["mean"] > 5 * figures["fair"]["mean"]
    assert "item_to_item" in found["reading"]


def test_where_nothing_changes_a_random_split_flatters_nobody():
    figures = compared(log(steady))["sources"]["popularity"]["recall@10"]
    assert figures["difference"]["low"] < 0.02
    assert figures["ratio"]["low"] < 1.1
    assert figures["random"]["mean"] == pytest.approx(figures["fair"]["mean"], rel=0.3)


def test_intervals_are_in_order_and_users_are_counted():
    found = compared(log(steady), replace(MEASUREMENT, queries=100))
    assert found["queries"]["random"] == found["queries"]["fair"] == 100
    assert 60 <= found["queries"]["shared"] <= 100  # the same ones are asked first
    for metrics in found["sources"].values():
        for figures in metrics.values():
            for name in ("random", "fair", "difference", "ratio", "paired"):
                assert figures[name]["low"] <= figures[name]["mean"] <= figures[name]["high"]


def test_a_sample_holds_users_with_all_their_events():
    dataset = log(steady)
    sample, n_users = replace(MEASUREMENT, max_events=1000).sample(dataset, 0)
    whole = np.bincount(dataset.interactions.user, minlength=USERS)
    kept = np.bincount(sample.interactions.user, minlength=USERS)
    assert set(np.unique(kept[kept > 0] - whole[kept > 0])) == {0}
    assert 900 <= len(sample.interactions) <= 1000
    assert n_users == np.count_nonzero(kept)
    assert MEASUREMENT.sample(dataset, 0) == (dataset, None)


def test_candidates_are_labelled_by_what_their_users_took_before_the_test():
    dataset = log(steady)
    splitter = Temporal(cutoff=CUT, n_training=1)
    labelled, facts = candidate_features(dataset, splitter, MEASUREMENT, Stopwatch(), 0)
    split = splitter.split(dataset)
    past = split.validation
    rows = drawn_queries(past, 60, 0)
    assert labelled.query.max() + 1 == len(rows) == 60
    later = {
        (int(user), int(item))
        for user, item in zip(past.queries.user[past.truth.items.rows], past.truth.items.values, strict=True)
    }
    taken = {
        at: {item for user, item in later if user == past.queries.user[row]} for at, row in enumerate(rows)
    }
    per_query = np.bincount(labelled.query, weights=labelled.label)
    assert all(n <= len(taken[at]) for at, n in enumerate(per_query))
    assert labelled.label.sum() > 0
    assert "product.brand" in labelled.matrix.names  # excluded from training, looked at here
    assert facts["until"] == CUT
    assert facts["asked_at"] < CUT


def tiny_shop(seed=0):
    return encode(Shop(n_users=120, n_items=50, n_days=400, events_per_user=60, seed=seed).read(), "Shop")


def exploring():
    spec = Exploration(n_draws=49, n_permutations=20, n_resamples=50, needs=SplitNeeds(queries=50))
    return Exploring(exploration=spec, measurement=MEASUREMENT)


def test_the_same_data_gives_the_same_figures_and_no_nan():
    dataset = tiny_shop()
    first, again = (json.dumps(exploring().explore(dataset), allow_nan=False) for _ in range(2))
    assert first == again
    found = json.loads(first)
    assert found["random_split"]["queries"]["fair"] == found["split_advice"]["chosen"]["with_history"]
    assert found["feature_correlation"]["until"] == found["split_advice"]["cutoff"]


def test_the_advised_line_can_be_pasted():
    dataset = tiny_shop()
    line = exploring().explore(dataset)["split_advice"]["override"]
    with initialize_config_module(config_module="conf", version_base="1.3"):
        split = build(compose("experiment", line.split()), "split").split(dataset)
    assert line.startswith("split=temporal split.cutoff=")
    assert split.warnings == ()


def test_a_log_that_cannot_be_split_is_explored_all_the_same():
    dataset = log(steady)
    one_day = replace(dataset.interactions, time=np.full(len(dataset.interactions), START * SECONDS_PER_DAY))
    found = exploring().explore(replace(dataset, interactions=one_day.sorted()))
    assert found["random_split"] is None
    assert "No split can be advised" in found["left_out"]["random_split"]
    assert found["volumes"]["days"] == 1


def test_views_alone_cannot_be_explored():
    dataset = log(steady)
    views = replace(
        dataset.interactions, kind=np.full(len(dataset.interactions), KINDS.index("view"), np.int8)
    )
    with pytest.raises(DataContractError, match=r"explore\.target_kinds"):
        exploring().explore(replace(dataset, interactions=views))


def test_the_configuration_builds_what_it_says():
    with initialize_config_module(config_module="conf", version_base="1.3"):
        config = compose("explore", ["explore.needs.queries=7", "measure.k=5"])
        exploration, measurement = build(config, "explore"), build(config, "measure")
    assert isinstance(exploration, Exploration)
    assert exploration.needs.queries == 7
    assert isinstance(measurement, Measurement)
    assert measurement.k == 5
    assert set(measurement.features.families) >= {"popularity", "product"}
    assert Path(str(config.out)).parts[:2] == ("var", "explore")
