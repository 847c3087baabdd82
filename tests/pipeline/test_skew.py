"""What training saw against what the ranker sees at work, through the whole recommender."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pipeline.two_stage
from dataset import Shop, Temporal
from dataset.errors import DataContractError
from dataset.feature_matrix import FeatureMatrix
from dataset.interactions import SECONDS_PER_DAY
from evaluation.skew import Histogram, Profile, check_skew, skew, skew_section
from features import FeatureSet, RetrievalScores
from pipeline import TwoStage, load
from pipeline.engines import Serial
from ranking import LambdaMart, ReciprocalRankFusion
from ranking.sampling import Sampling
from retrieval import Popular, Retrieval, Transitions


@dataclass(frozen=True)
class Bought:
    """How often each item was bought, by the day or in all: the second grows with the calendar."""

    a_day: bool

    names = ("count",)
    categorical = ()

    def fit(self, snapshot, vectors, sources):
        days = (snapshot.cutoff - snapshot.history.time.min()) / SECONDS_PER_DAY
        count = np.bincount(snapshot.history.item, minlength=len(snapshot.items))
        return FittedBought(count / days if self.a_day else count + 10 * days)


@dataclass(frozen=True)
class FittedBought:
    count: np.ndarray
    names = ("count",)
    categorical = ()

    def transform(self, requests, candidates):
        return self.count[candidates.item].astype(np.float32)[:, None]


@pytest.fixture(scope="module")
def split():
    shop = load(Shop(n_users=300, n_items=60, events_per_user=40)).dataset
    return Temporal(cutoff=0.8).split(shop)


def recommender(*, a_day=True, **changes):
    families = {"bought": Bought(a_day), "retrieval": RetrievalScores()}
    parts = {
        "retrieval": Retrieval(sources={"transitions": Transitions(), "popular": Popular()}),
        "features": FeatureSet(vectors={}, families=families),
        "ranking": LambdaMart(num_leaves=4, num_trees=10, min_rows_a_leaf=5),
        "engine": Serial(),
        "block_size": 64,
    }
    return TwoStage(**{**parts, **changes})


@pytest.fixture(scope="module")
def fitted(split):
    return recommender().fit(split)


def counted(specification, fitted, split):
    """Histogram of all test queries, block by block, and the number of candidates of those with history."""
    parts, n_warm = [], 0
    for rows in specification.blocks(len(split.test.queries)):
        requests = split.test.requests(rows)
        candidates = fitted.stage_one.candidates(requests)
        matrix = fitted.matrix(requests, candidates)
        parts.append(fitted.count(specification.sampling, requests, candidates, matrix))
        n_warm += int(split.test.is_warm[rows][candidates.query].sum())
    return Histogram.total(parts), n_warm


def test_a_feature_that_grows_with_the_calendar_refuses_the_run(split):
    specification = recommender(a_day=False)
    fitted = specification.fit(split)
    histogram, _ = counted(specification, fitted, split)
    section = skew_section(fitted.profile, histogram, fitted.ranker.importance(), 1.0, tolerated=0.0)
    assert section["worst"]["feature"] == "bought.count"
    assert section["worst"]["psi"] > 3
    with pytest.raises(DataContractError, match=r"Got .* on bought\.count, whose index is"):
        check_skew(section)


def test_the_same_by_the_day_does_not(split, fitted):
    histogram, _ = counted(recommender(), fitted, split)
    found = skew(fitted.profile, histogram)["bought.count"]
    assert found["psi"] < 1
    check_skew(skew_section(fitted.profile, histogram, fitted.ranker.importance(), 1.0, tolerated=0.0))


def test_only_users_with_history_are_compared(split, fitted):
    histogram, n_warm = counted(recommender(), fitted, split)
    assert 0 < split.test.is_warm.sum() < len(split.test.queries)
    assert histogram.n_queries == split.test.is_warm.sum()
    for at in range(len(fitted.profile.names)):
        assert histogram.counts[fitted.profile.column(at)].sum() == n_warm


def test_where_cold_queries_are_learnt_from_they_are_compared_too(split, fitted):
    ranking = LambdaMart(sampling=Sampling(cold_queries=1.0))
    histogram, _ = counted(recommender(ranking=ranking), fitted, split)
    assert histogram.n_queries == len(split.test.queries)


def test_a_sample_stands_for_all_rows(split, fitted, monkeypatch):
    whole, n_warm = counted(recommender(), fitted, split)
    monkeypatch.setattr(pipeline.two_stage, "ROWS_OF_A_BLOCK", 1000)
    sampled, _ = counted(recommender(), fitted, split)
    first = fitted.profile.column(0)
    assert np.abs(sampled.counts[first].sum() / n_warm - 1) < 0.02
    assert sampled.counts[first].max() % 1 == 0
    of_all = replace(fitted.profile, reference=whole)
    assert max(found["psi"] for found in skew(of_all, sampled).values()) < 0.03


def test_the_profile_is_of_every_table_that_the_ranker_is_handed(split, fitted):
    profile, seen = fitted.profile, []

    @dataclass(frozen=True)
    class Spy:
        sampling: Sampling

        def fit(self, tables, threads, watch):
            past, validation = tables()
            seen.extend([*past, validation])
            return ReciprocalRankFusion().fit(tables, threads)

    recommender(ranking=Spy(Sampling())).fit(split)
    assert len(seen) == 3
    assert profile.reference.n_queries == sum(len(table.offsets) - 1 for table in seen)
    n_rows = sum((table.grade > 0).sum() + (table.grade == 0).sum() / 0.3 for table in seen)
    assert profile.reference.counts[profile.column(0)].sum() == pytest.approx(n_rows)


@settings(max_examples=20)
@given(seed=st.integers(0, 1000), negatives=st.sampled_from([0.1, 0.3, 1.0]))
def test_weights_restore_the_pool(seed, negatives):
    """Where positives differ from the rest, the sample alone is skewed, and its weights undo it."""
    rng, n = np.random.default_rng(seed), 40_000
    grade = (rng.random(n) < 0.2).astype(np.int8)
    values = (rng.normal(size=n) + 2 * grade).astype(np.float32)[:, None]
    pool = FeatureMatrix(values, ("x.score",))
    sampling = Sampling(negatives=negatives, seed=seed)
    user, item = (rng.integers(0, 2**31, n).astype(np.int32) for _ in range(2))
    rows = sampling.sample(user, item, grade)
    weighted = Profile.of(pool.take(rows), sampling.weights(grade[rows]))
    alone = Profile.of(pool.take(rows))
    assert skew(weighted, weighted.count(pool))["x.score"]["psi"] < 0.01
    assert (skew(alone, alone.count(pool))["x.score"]["psi"] < 0.01) is (negatives == 1)
