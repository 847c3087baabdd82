"""Causes of lost hits against a search by hand, and what a poor index does to them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset import Shop, Temporal
from dataset.ordering import top_k_of_segments
from dataset.queries import Qrels
from dataset.ragged import Ragged
from dataset.vectors import Vectors
from evaluation.losses import CAUSES, POPULARITY_BANDS, Losses
from features import CollaborativeVectors, FeatureSet, RetrievalScores
from pipeline import TwoStage, load
from pipeline.engines import Serial, Threads
from pipeline.loss_tracing import Tracer
from pipeline.measurement import measure
from ranking import RetrievalOrder
from retrieval import Collaborative, Content, IndexSettings, Popular, Retrieval, Transitions
from retrieval.fusion import FittedRetrieval
from retrieval.index import VectorIndex
from tests.contracts import shops


class Blind(VectorIndex):
    """Exact, but for every third item, which it never finds."""

    def search(self, queries, k, allowed):
        return super().search(queries, k, allowed & (np.arange(len(allowed)) % 3 > 0))


def blinded(model):
    index = model.index
    return replace(model, index=Blind(index.item, index.matrix, "ivf", None, index.settings))


def a_shop(seed):
    """A random shop, in which anything at all may have been taken: unknown, owned and avoided items too."""
    snapshot = shops.snapshot(seed, n_users=8, n_events=120)
    rng = np.random.default_rng(seed)
    n = rng.integers(0, 90)
    pairs = [rng.integers(0, size, n) for size in (len(snapshot.queries), len(snapshot.items))]
    items = Ragged.from_pairs(*pairs, len(snapshot.queries))
    return replace(snapshot, truth=Qrels(items, np.ones(len(items.values), np.int8)))


def distinct_vectors(snapshot):
    """No two alike: which of two equal neighbours is found may depend on who else is asked for."""
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(len(snapshot.known_items), 5)).astype(np.float32)
    return {name: Vectors(snapshot.known_items, matrix) for name in ("ingredients", "collaborative")}


def stage_one(snapshot, quotas, budget):
    """Sources of which two search vectors, one of them on an index that is blind to some items."""
    vectors = distinct_vectors(snapshot)
    models = {
        "blind": blinded(Collaborative().fit(snapshot, vectors)),
        "content": Content(vectors={"ingredients": 1.0}).fit(snapshot, vectors),
        "transitions": Transitions().fit(snapshot, {}),
        "popular": Popular().fit(snapshot, {}),
    }
    return FittedRetrieval(models, quotas, budget)


def by_hand(snapshot, retrieval, quotas, final, k):
    """The cause of each event, one user and one item at a time."""
    exactly = Collaborative().fit(snapshot, distinct_vectors(snapshot))
    allowed, causes = shops.allowed(snapshot), []
    for row, lists in enumerate(final.items):
        alone = snapshot.requests(np.array([row]))
        pool = set(retrieval.retrieve(alone).item.tolist())
        said = [
            set(model.retrieve(alone, quota).items[0].tolist())
            for model, quota in zip(retrieval.sources.values(), quotas, strict=True)
            if quota
        ]
        missed = set(exactly.retrieve(alone, quotas[0]).items[0].tolist()) if quotas[0] else set()
        for item in snapshot.truth.items[row].tolist():
            if not snapshot.catalogue[item]:
                cause = "unknown_item"
            elif not allowed[row, item]:
                cause = "constraint"
            elif item in pool:
                cause = "hit" if item in lists[:k] else "ranked_below_k"
            elif any(item in items for items in said):
                cause = "cut_by_budget"
            else:
                cause = "index_approximation" if item in missed else "no_source"
            causes.append(cause)
    return causes


@given(
    seed=st.integers(0, 1000),
    quotas=st.tuples(*[st.integers(0, 12)] * 4).filter(any),
    budget=st.integers(1, 30),
    k=st.integers(1, 12),
    size=st.integers(1, 40),
)
@settings(max_examples=30)
@pytest.mark.slow
def test_causes_are_those_found_by_hand_in_one_block_or_many(seed, quotas, budget, k, size):
    snapshot = a_shop(seed)
    retrieval = stage_one(snapshot, quotas, budget)
    tracer = Tracer.of(retrieval, snapshot, k)

    def traced(rows):
        requests, truth = snapshot.requests(rows), snapshot.truth.take(rows)
        pool = retrieval.retrieve(requests).of_sources(retrieval.nominators)
        order = np.random.default_rng(seed).random(len(snapshot.items)).astype(np.float32)
        final = top_k_of_segments(pool.offsets, pool.item, order[pool.item], 12)
        arguments = (requests, truth, pool, final)
        return tracer.causes(*arguments), tracer.losses(*arguments), final

    everybody = np.arange(len(snapshot.queries))
    causes, losses, final = traced(everybody)
    expected = by_hand(snapshot, retrieval, quotas, final, k)
    assert [CAUSES[cause] for cause in causes] == expected
    section = losses.section(k)
    n_events = {group: section[group]["events"] for group in ("warm", "cold")}
    assert sum(n_events.values()) == len(snapshot.truth.items.values)
    assert n_events["warm"] == snapshot.truth.items.lengths[snapshot.is_warm].sum()
    for cause in CAUSES:
        assert section["warm"]["causes"][cause] + section["cold"]["causes"][cause] == expected.count(cause)
    parts = [traced(everybody[start : start + size])[1] for start in range(0, len(everybody), size)]
    assert Losses.concatenate(parts).section(k) == section


def test_every_cause_occurs_in_these_shops():
    """Or the comparison by hand would prove little."""
    found = set()
    for seed in range(5):
        snapshot = a_shop(seed)
        retrieval = stage_one(snapshot, (6, 3, 3, 3), 9)
        requests, pool = snapshot.requests(), retrieval.retrieve(snapshot.requests())
        final = top_k_of_segments(pool.offsets, pool.item, pool.scores[:, 3], 4)
        found |= set(Tracer.of(retrieval, snapshot, 4).causes(requests, snapshot.truth, pool, final).tolist())
    assert found == set(range(len(CAUSES)))


def test_items_are_banded_by_what_the_history_says():
    snapshot = a_shop(3)
    tracer = Tracer.of(stage_one(snapshot, (5, 5, 5, 5), 20), snapshot, 5)
    history, launched = snapshot.history, snapshot.items.launched
    for item in snapshot.known_items:
        events = history.item == item
        if launched[item] == np.iinfo(np.int64).max:
            assert tracer.born[item] == history.time[events].min()
        else:
            assert tracer.born[item] == launched[item]
        nobody = POPULARITY_BANDS[tracer.popularity[item]] == "no user yet"
        assert nobody == (not events.any())


@pytest.fixture(scope="module")
def split():
    shop = load(Shop(n_users=300, n_items=900, events_per_user=40)).dataset
    return Temporal(cutoff=0.8).split(shop)


def with_index(split, settings, engine=None):
    """Measured with vector search alone, ranked as retrieval has it, and the cause of each event."""
    specification = TwoStage(
        retrieval=Retrieval(sources={"factors": Collaborative(quota=60, index=settings)}),
        features=FeatureSet(
            vectors={"collaborative": CollaborativeVectors(dimensions=16)}, families={"r": RetrievalScores()}
        ),
        ranking=RetrievalOrder(),
        engine=engine or Serial(),
        block_size=100,
    )
    fitted = specification.fit(split)
    measured = measure(specification, fitted, split.test, "past", {}, None, 50, headline=10)
    requests, retrieval = split.test.requests(), fitted.stage_one.retrieval
    pool, final = retrieval.retrieve(requests), measured.runs["two_stage"]
    causes = Tracer.of(retrieval, split.test, 10).causes(requests, split.test.truth, pool, final)
    section = measured.losses.section(10)
    counted = {c: section["warm"]["causes"][c] + section["cold"]["causes"][c] for c in CAUSES}
    assert counted == {c: int((causes == at).sum()) for at, c in enumerate(CAUSES)}
    return np.array(CAUSES)[causes], counted, section


def test_a_poor_index_moves_share_to_its_own_cause_and_nowhere_else(split):
    flat, of_flat, _ = with_index(split, IndexSettings(kind="flat"))
    poor, of_poor, _ = with_index(split, IndexSettings(kind="ivf", probes=1))
    in_pool = ("hit", "ranked_below_k")
    lost = np.isin(flat, in_pool) & ~np.isin(poor, in_pool)
    assert lost.sum() > 10
    assert set(poor[lost]) == {"index_approximation"}
    assert of_flat["index_approximation"] == 0
    assert of_poor["index_approximation"] == lost.sum()
    for cause in ("unknown_item", "constraint", "cut_by_budget"):
        np.testing.assert_array_equal(flat == cause, poor == cause)
    assert not ((poor == "no_source") & (flat != "no_source")).any()
    assert of_poor["no_source"] <= of_flat["no_source"]
    assert sum(of_poor.values()) == sum(of_flat.values()) == len(split.test.truth.items.values)


def test_losses_are_equal_for_any_number_of_threads(split):
    poor = IndexSettings(kind="ivf", probes=1)
    assert with_index(split, poor, Threads(threads=2))[2] == with_index(split, poor)[2]
