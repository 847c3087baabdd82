"""What an approximate source would have said with exact search."""

import numpy as np
import pytest

from pipeline.fingerprint import fingerprint
from retrieval.collaborative import Collaborative
from retrieval.content import Content
from retrieval.fusion import FittedRetrieval
from retrieval.index import IndexSettings, VectorIndex
from retrieval.popular import Popular
from tests.contracts import shops

POOR = IndexSettings(kind="ivf", probes=1)


def many_items():
    """Enough vectors for several cells, one of which is searched."""
    snapshot = shops.snapshot(5, n_users=40, n_items=500, n_events=2500)
    return snapshot, shops.vectors(snapshot, 5)


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_it_is_the_source_on_a_flat_index(kind):
    snapshot, vectors = many_items()
    for make in (
        lambda index: Content(vectors={"ingredients": 1.0}, index=index),
        lambda i: Collaborative(index=i),
    ):
        flat = make(IndexSettings(kind="flat")).fit(snapshot, vectors)
        approximate = make(IndexSettings(kind=kind, probes=1)).fit(snapshot, vectors)
        assert (flat.is_exact, approximate.is_exact) == (True, False)
        exact = approximate.exactly()
        assert exact.is_exact
        assert exact.index.matrix is approximate.index.matrix
        expected = flat.retrieve(snapshot.requests(), 20)
        assert fingerprint(exact.retrieve(snapshot.requests(), 20)) == fingerprint(expected)
        assert approximate.index.kind == kind


def test_a_poor_index_misses_what_an_exact_one_finds():
    snapshot, vectors = many_items()
    model = Collaborative(index=POOR).fit(snapshot, vectors)
    poor, exact = (m.retrieve(snapshot.requests(), 10).items for m in (model, model.exactly()))
    assert (
        np.mean([np.isin(e[e >= 0], p).mean() for e, p in zip(exact, poor, strict=True) if (e >= 0).any()])
        < 0.9
    )


def test_only_nominators_that_approximate_are_searched_again():
    snapshot, vectors = many_items()
    sources = {
        "poor": Collaborative(index=POOR),
        "scorer": Collaborative(index=POOR, quota=0),
        "flat": Content(vectors={"ingredients": 1.0}),
        "popular": Popular(),
    }
    models = {name: source.fit(snapshot, vectors) for name, source in sources.items()}
    fitted = FittedRetrieval(models, (5, 0, 4, 3), 100)
    exact = fitted.exact_searches()
    assert exact.nominators == tuple(exact.sources) == ("poor",)
    (lists,) = exact.nominations(snapshot.requests())
    assert fingerprint(lists) == fingerprint(models["poor"].exactly().retrieve(snapshot.requests(), 5))
    without = FittedRetrieval({name: models[name] for name in ("flat", "popular")}, (4, 3), 100)
    assert list(without.exact_searches().nominations(snapshot.requests())) == []


def test_nominations_are_what_the_pool_is_made_of():
    snapshot, vectors = many_items()
    models = {"factors": Collaborative().fit(snapshot, vectors), "popular": Popular().fit(snapshot, vectors)}
    fitted = FittedRetrieval(models, (6, 4), 100)
    requests = snapshot.requests()
    pool = fitted.retrieve(requests)
    said = [lists.items for lists in fitted.nominations(requests)]
    for row in range(len(requests)):
        own = pool.item[pool.offsets[row] : pool.offsets[row + 1]]
        assert set(own.tolist()) == {int(item) for lists in said for item in lists[row] if item >= 0}


def test_no_vectors_are_searched_exactly_in_any_case():
    nothing = VectorIndex.build(np.zeros(0, np.int32), np.zeros((0, 2), np.float32), POOR)
    assert nothing.is_exact
