"""All sources together; the kernel itself is compared with a dictionary in test_kernels.py."""

from dataclasses import replace

import numpy as np
import pytest

from dataset.errors import ConfigurationError, ParameterError
from pipeline.fingerprint import fingerprint
from retrieval.collaborative import Collaborative
from retrieval.content import Content
from retrieval.ease import Ease
from retrieval.fusion import FittedRetrieval, Retrieval
from retrieval.index import IndexSettings
from retrieval.popular import Popular
from retrieval.transitions import Transitions
from tests.contracts import shops

SOURCES = {
    "transitions": Transitions(quota=7),
    "ease": Ease(quota=5, regularisation=5.0),
    "content": Content(quota=6, vectors={"ingredients": 1.0}),
    "popular": Popular(quota=9),
}


def fitted(snapshot, budget=12, sources=SOURCES):
    retrieval = Retrieval(sources=sources, budget=budget)
    models = {name: source.fit(snapshot, shops.vectors(snapshot)) for name, source in sources.items()}
    return FittedRetrieval(models, retrieval.quotas, budget)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
@pytest.mark.parametrize("budget", [1, 12, 1000])
def test_candidates_are_what_the_sources_say(seed, budget):
    snapshot = shops.snapshot(seed)
    requests = snapshot.requests()
    model = fitted(snapshot, budget)
    candidates = model.retrieve(requests)
    assert candidates.sources == tuple(SOURCES)
    assert (candidates.scores.dtype, candidates.ranks.dtype) == (np.float32, np.int16)
    assert candidates.scores.flags.c_contiguous
    counts = np.diff(candidates.offsets)
    assert counts.max() <= budget
    key = candidates.query.astype(np.int64) * len(snapshot.items) + candidates.item
    assert (np.diff(key) > 0).all()
    assert shops.allowed(snapshot)[candidates.query, candidates.item].all()
    for at, (name, source) in enumerate(model.sources.items()):
        np.testing.assert_array_equal(
            candidates.scores[:, at], source.score(requests, candidates.offsets, candidates.item)
        )
        lists = source.retrieve(requests, SOURCES[name].quota)
        nominated = 0
        for row, items in enumerate(lists.items):
            own = slice(candidates.offsets[row], candidates.offsets[row + 1])
            rank_of = {int(item): rank for rank, item in enumerate(items, 1) if item >= 0}
            expected = [rank_of.get(int(item), 0) for item in candidates.item[own]]
            assert candidates.ranks[own, at].tolist() == expected
            nominated += len(rank_of)
        if budget == 1000:
            assert (candidates.ranks[:, at] > 0).sum() == nominated
    assert (candidates.ranks > 0).any(axis=1).all()


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
def test_each_source_has_its_say_in_turn(seed):
    """The first of every list stays as long as the budget is no smaller than the number of sources."""
    snapshot = shops.snapshot(seed)
    requests = snapshot.requests()
    model = fitted(snapshot, budget=len(SOURCES))
    candidates = model.retrieve(requests)
    for source in model.sources.values():
        for row, first in enumerate(source.retrieve(requests, 1).items[:, 0]):
            own = candidates.item[candidates.offsets[row] : candidates.offsets[row + 1]]
            assert first < 0 or first in own


def test_blocks_and_budgets_nest():
    snapshot = shops.snapshot(1)
    model = fitted(snapshot, sources={name: SOURCES[name] for name in ("transitions", "ease", "popular")})
    whole = model.retrieve(snapshot.requests())
    for row in range(len(snapshot.queries)):
        alone = model.retrieve(snapshot.requests(np.array([row])))
        own = slice(whole.offsets[row], whole.offsets[row + 1])
        np.testing.assert_array_equal(alone.item, whole.item[own])
        np.testing.assert_array_equal(alone.scores, whole.scores[own])
        np.testing.assert_array_equal(alone.ranks, whole.ranks[own])
    fewer = FittedRetrieval(model.sources, model.quotas, 5).retrieve(snapshot.requests())
    keys = [c.query.astype(np.int64) * len(snapshot.items) + c.item for c in (fewer, whole)]
    assert np.isin(*keys).all()


@pytest.mark.parametrize("scorers", [("ease",), ("transitions", "popular"), ("ease", "content", "popular")])
def test_a_pure_scorer_scores_and_nominates_nobody(scorers):
    """The pool is that of the others, and the scorer's column is what it says of their candidates."""
    snapshot = shops.snapshot(1)
    requests = snapshot.requests()
    sources = {name: replace(source, quota=0 if name in scorers else 6) for name, source in SOURCES.items()}
    model = fitted(snapshot, sources=sources)
    found = model.retrieve(requests)
    assert found.sources == tuple(SOURCES)
    others = {name: source for name, source in sources.items() if name not in scorers}
    assert model.nominators == tuple(others)
    alone = fitted(snapshot, sources=others).retrieve(requests)
    np.testing.assert_array_equal(found.offsets, alone.offsets)
    np.testing.assert_array_equal(found.item, alone.item)
    assert fingerprint(found.of_sources(tuple(others))) == fingerprint(alone)
    for at, name in enumerate(found.sources):
        expected = model.sources[name].score(requests, found.offsets, found.item)
        np.testing.assert_array_equal(found.scores[:, at], expected)
        assert (found.ranks[:, at] > 0).any() == (name not in scorers)


def test_all_sources_named_are_the_candidates_themselves():
    snapshot = shops.snapshot(1)
    candidates = fitted(snapshot).retrieve(snapshot.requests())
    assert candidates.of_sources(tuple(SOURCES)) is candidates
    turned = candidates.of_sources(tuple(reversed(SOURCES)))
    np.testing.assert_array_equal(turned.scores, candidates.scores[:, ::-1])
    np.testing.assert_array_equal(turned.ranks, candidates.ranks[:, ::-1])


def test_nobody_asked():
    snapshot = shops.snapshot()
    candidates = fitted(snapshot).retrieve(snapshot.requests(np.zeros(0, np.int64)))
    assert (len(candidates), candidates.n_queries, candidates.scores.shape) == (0, 0, (0, 4))


def test_what_was_saved_comes_back(tmp_path):
    snapshot = shops.snapshot(2)
    model = fitted(snapshot)
    model.save(tmp_path)
    loaded = FittedRetrieval.load(tmp_path)
    assert list(loaded.sources) == list(SOURCES)
    requests = snapshot.requests()
    assert fingerprint(loaded.retrieve(requests)) == fingerprint(model.retrieve(requests))


def test_the_kind_of_index_reaches_the_sources_that_leave_it_open():
    own = IndexSettings(kind="flat")
    sources = {
        "open": Content(vectors={}),
        "factors": Collaborative(),
        "own": Content(vectors={}, index=own),
        "popular": Popular(),
    }
    chosen = Retrieval(sources=sources, index="hnsw").sources
    assert list(chosen) == list(sources)
    assert chosen["open"].index == chosen["factors"].index == IndexSettings(kind="hnsw")
    assert chosen["own"].index == own
    assert chosen["popular"] == sources["popular"]
    snapshot = shops.snapshot()
    model = chosen["factors"].fit(snapshot, shops.vectors(snapshot))
    assert model.index.kind == "hnsw"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"sources": {}}, r"at least one source\. Got none"),
        ({"sources": ["popular"]}, "'sources' parameter of Retrieval must be a mapping"),
        ({"sources": {"thing": "popular"}}, r"'thing' must have a quota of at most 10,000\. Got None"),
        ({"sources": {"many": Popular(quota=40_000)}}, r"'many' .* at most 10,000\. Got 40000"),
        (
            {"sources": {"one": Popular(quota=0), "two": Ease(quota=0)}},
            "above 0. Got pure scorers alone: one, two",
        ),
        ({"budget": 0}, "'budget' parameter of Retrieval must be an int between 1 and 10000"),
        ({"index": "annoy"}, "'index' parameter of Retrieval must be one of auto, flat"),
    ],
)
def test_wrong_parameters_are_refused(wrong, sentence):
    with pytest.raises(ConfigurationError, match=sentence) as caught:
        Retrieval(**{"sources": SOURCES, **wrong})
    assert isinstance(caught.value, ParameterError) or "parameter" not in sentence
