"""A model asked otherwise is the model that another configuration would ask, or a sentence."""

from dataclasses import replace

import numpy as np
import pytest

from dataset.errors import ConfigurationError
from pipeline.benchmarking.asking import asked, exhausting, n_trees
from ranking.cascade import Cascade
from ranking.scorers.native import Native
from retrieval.index import IndexSettings
from tests.pipeline.benchmarking.small import SHORT, cascade, fitted, graph, specification, split

GRAPH = IndexSettings(kind="hnsw", links=2, build_effort=2, effort=1)


def test_more_effort_finds_what_exact_search_finds() -> None:
    requests = split().test.requests()
    wider, is_as_trained = asked(graph(), specification(replace(GRAPH, effort=400)))
    assert not is_as_trained
    source = wider.stage_one.retrieval.sources["content"]
    assert source.index.settings.effort == 400
    exact = fitted().stage_one.retrieval.sources["content"].retrieve(requests, 20).items
    few, many = (
        np.mean(
            [
                np.isin(a[a >= 0], b).mean()
                for a, b in zip(
                    exact,
                    model.stage_one.retrieval.sources["content"].retrieve(requests, 20).items,
                    strict=True,
                )
                if (a >= 0).any()
            ]
        )
        for model in (graph(), wider)
    )
    assert few < many


def test_what_changes_no_search_is_asked_as_trained() -> None:
    model, is_as_trained = asked(graph(), specification(GRAPH, scorer=Native()))
    assert is_as_trained
    assert model.scorer == Native()
    assert asked(fitted(), specification(IndexSettings(effort=7)))[1]  # searched exactly all the same


def test_an_index_of_another_build_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="links"):
        asked(graph(), specification(replace(GRAPH, links=5)))


@pytest.mark.parametrize("keep", [(10,), (15, 30), (30,), (10, 15, 20, 30)])
@pytest.mark.parametrize("max_loss", [0.0, 0.02, 0.3, 1.0])
def test_survivors_are_those_that_training_would_choose(keep: tuple[int, ...], max_loss: float) -> None:
    of = replace(SHORT, num_trees=12)
    ranking = Cascade(of=of, short=SHORT, keep=keep, max_loss=max_loss)
    model, _ = asked(cascade(), specification(ranking=ranking))
    losses = [cascade().ranker.facts[f"loss_of_{n}"] for n in keep]
    good = [n for at, n in enumerate(keep) if all(loss <= max_loss for loss in losses[at:])]
    assert model.ranker.keep == (good[0] if good else 0)


def test_survivors_that_nobody_measured_are_refused() -> None:
    ranking = Cascade(of=replace(SHORT, num_trees=12), short=SHORT, keep=(17,), max_loss=0.1)
    with pytest.raises(ConfigurationError, match=r"ranking\.keep of benchmark\.query .* Got 17\."):
        asked(cascade(), specification(ranking=ranking))
    whatever = replace(ranking, max_loss=1.0)
    assert asked(cascade(), specification(ranking=whatever))[0].ranker.keep == 17


def test_exhaustive_ranking_is_by_the_full_model() -> None:
    assert exhausting(cascade()).ranker is cascade().ranker.full
    assert exhausting(fitted()) is fitted()


def test_trees_of_both_models_of_a_cascade_count() -> None:
    ranker = cascade(max_loss=1.0).ranker
    assert ranker.keep
    assert n_trees(ranker) == ranker.full.n_trees + ranker.short.n_trees
    assert n_trees(replace(ranker, keep=0)) == ranker.full.n_trees
    assert n_trees(object()) is None
