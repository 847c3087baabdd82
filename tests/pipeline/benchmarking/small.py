"""A small shop with a recommender that searches vectors."""

from dataclasses import replace
from functools import cache
from typing import Any

from dataset import Shop, Temporal
from dataset.splits.split import Split
from features import FeatureSet, FunctionalityVectors, Popularity, RetrievalScores
from pipeline import TwoStage, load
from pipeline.engines import Serial
from pipeline.two_stage import FittedTwoStage
from ranking import LambdaMart
from ranking.cascade import Cascade
from retrieval import Content, Popular, Retrieval, Transitions
from retrieval.index import IndexSettings

SHORT = LambdaMart(num_leaves=4, num_trees=8, min_rows_a_leaf=5)


@cache
def split() -> Split:
    return Temporal(cutoff=0.8).split(load(Shop(n_users=150, n_items=120, events_per_user=40)).dataset)


def specification(index: IndexSettings | str = "auto", **changes: Any) -> TwoStage:
    content = Content(vectors={"functionality": 1.0}, quota=20)
    sources = {"transitions": Transitions(), "content": content, "popular": Popular(quota=20)}
    return TwoStage(
        **{
            "retrieval": Retrieval(sources=sources, budget=40, index=index),
            "features": FeatureSet(
                vectors={"functionality": FunctionalityVectors(dimensions=16)},
                families={"popularity": Popularity(), "retrieval": RetrievalScores()},
            ),
            "ranking": SHORT,
            "engine": Serial(),
            "block_size": 64,
            **changes,
        }
    )


@cache
def fitted() -> FittedTwoStage:
    return specification().fit(split())


@cache
def graph() -> FittedTwoStage:
    return specification(IndexSettings(kind="hnsw", links=2, build_effort=2, effort=1)).fit(split())


@cache
def cascade(max_loss: float = 0.05) -> FittedTwoStage:
    ranking = Cascade(of=replace(SHORT, num_trees=12), short=SHORT, keep=(10, 15, 20, 30), max_loss=max_loss)
    return specification(ranking=ranking).fit(split())
