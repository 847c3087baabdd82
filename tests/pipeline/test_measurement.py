"""The runs that are measured: a list for each source that nominates, none for a pure scorer."""

import numpy as np
import pytest

from dataset import Shop, Temporal
from evaluation.sections import retrieval_section
from features import FeatureSet, RetrievalScores
from pipeline import TwoStage, load
from pipeline.engines import Serial
from pipeline.measurement import measure
from ranking import ReciprocalRankFusion
from retrieval import Attributes, Popular, Retrieval, Transitions


@pytest.fixture(scope="module")
def split():
    shop = load(Shop(n_users=120, n_items=60, events_per_user=40)).dataset
    return Temporal(cutoff=0.8).split(shop)


def measured(split, **sources):
    specification = TwoStage(
        retrieval=Retrieval(sources=sources),
        features=FeatureSet(vectors={}, families={"retrieval": RetrievalScores()}),
        ranking=ReciprocalRankFusion(),
        engine=Serial(),
        block_size=50,
    )
    fitted = specification.fit(split)
    return measure(specification, fitted, split.test, "past", {"bestsellers": Popular()}, None, 10)


def test_a_pure_scorer_has_no_list_and_no_part_in_the_pool(split):
    both = {"transitions": Transitions(), "popular": Popular()}
    without = measured(split, **both)
    found = measured(
        split, transitions=both["transitions"], words=Attributes(quota=0), popular=both["popular"]
    )
    runs = ["two_stage", "reciprocal_rank_fusion", "transitions", "popular", "bestsellers"]
    assert list(found.runs) == list(without.runs) == runs
    for name in runs:
        np.testing.assert_array_equal(found.runs[name].items, without.runs[name].items)
    sections = [retrieval_section(m.retrieval, n_resamples=100, seed=0) for m in (found, without)]
    assert sections[0] == sections[1]
    assert list(sections[0]) == ["transitions", "popular", "fused"]
