"""Searches made before the lists are: on every engine the same, and the lists as without them."""

import numpy as np
import pytest

from features.feature_set import FittedFeatures
from pipeline.engines import Processes, Serial, Threads
from pipeline.neighbourhoods import with_neighbours
from pipeline.progress import Stopwatch
from pipeline.stage_one import StageOne
from retrieval.collaborative import Collaborative
from retrieval.content import Content
from retrieval.fusion import FittedRetrieval
from tests.contracts import shops


def stage_one(snapshot, newest=3, quota=6):
    vectors = shops.vectors(snapshot)
    sources = {
        "content": Content(vectors={"ingredients": 1.0}, newest=newest).fit(snapshot, vectors),
        "collaborative": Collaborative(vectors="ingredients").fit(snapshot, vectors),
    }
    return StageOne(FittedRetrieval(sources, (quota, 5), 10), FittedFeatures({}), vectors)


@pytest.mark.parametrize(
    "engine",
    [Serial(), Threads(threads=2), pytest.param(Processes(workers=2), marks=pytest.mark.slow)],
    ids=["serial", "threads", "processes"],
)
def test_candidates_are_those_of_searches_made_for_each_user(engine):
    snapshot = shops.snapshot(3)
    plain = stage_one(snapshot)
    known = with_neighbours(plain, snapshot, engine, Stopwatch())
    table = known.retrieval.sources["content"].neighbours
    assert len(table.items) > 3
    assert known.retrieval.sources["collaborative"].neighbours is None
    requests = snapshot.requests()
    expected, found = plain.candidates(requests), known.candidates(requests)
    for name in ("offsets", "item", "ranks"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-6)


@pytest.mark.parametrize(("newest", "quota"), [(0, 6), (3, 0)])
def test_where_no_item_is_searched_for_nothing_is_made(newest, quota):
    snapshot = shops.snapshot(3)
    known = with_neighbours(stage_one(snapshot, newest, quota), snapshot, Serial(), Stopwatch())
    assert known.retrieval.sources["content"].neighbours is None
