"""Every retrieval source keeps the contract of sources."""

import pytest

from retrieval.attributes import Attributes
from retrieval.blend import Blend
from retrieval.chain import Chain
from retrieval.clusters import Clusters
from retrieval.collaborative import Collaborative
from retrieval.companions import Companions
from retrieval.content import Content
from retrieval.ease import Ease
from retrieval.groups import Groups
from retrieval.index import IndexSettings
from retrieval.linear_transitions import LinearTransitions
from retrieval.low_rank import LowRank
from retrieval.popular import Popular
from retrieval.replenishment import Replenishment
from retrieval.shuffled import Shuffled
from retrieval.transitions import Transitions
from tests.contracts.source_contract import SourceContract

VECTORS = {"ingredients": 1.0, "functionality": 0.5, "not to be had": 1.0}


class TestTransitions(SourceContract):
    source = Transitions(window=4, backward=0.3)


@pytest.mark.slow
class TestTransitionsWithAge(SourceContract):
    source = Transitions(half_life_days=30.0, neighbours=3, from_power=1.0, to_power=0.0)


class TestLinearTransitions(SourceContract):
    source = LinearTransitions(regularisation=3.0)


@pytest.mark.slow
class TestLinearTransitionsOfItemsAlone(SourceContract):
    source = LinearTransitions(
        regularisation=1.0, half_life_days=0.0, history_half_life_days=0.0, attributes={}, neighbours=4
    )


class TestCompanions(SourceContract):
    source = Companions()


@pytest.mark.slow
class TestCompanionsOfTheSameMoment(SourceContract):
    source = Companions(days=0.0, half_life_days=0.0, crowd_power=0.0)


class TestEase(SourceContract):
    source = Ease(regularisation=5.0, half_life_days=50.0)


@pytest.mark.slow
class TestEaseWithWords(SourceContract):
    source = Ease(
        regularisation=2.0, fit_decay=0.7, attribute_weight=3.0, attributes={"functions": 1.0, "brand": 0.5}
    )


class TestAttributes(SourceContract):
    source = Attributes()


@pytest.mark.slow
class TestAttributesOfAllKinds(SourceContract):
    source = Attributes(
        weights={"functions": 1.0, "brand": 2.0, "category": 0.5, "ingredients": 0.3},
        rarity_power=0.5,
        half_life_days=30.0,
        neighbours=4,
    )


class TestBlend(SourceContract):
    source = Blend(
        parts={
            "transitions": Transitions(window=3, half_life_days=40.0),
            "attributes": Attributes(),
            "ease": Ease(regularisation=5.0),
            "clusters": Clusters(vectors=VECTORS),
        },
        weights={"transitions": 1.0, "attributes": 0.25, "ease": 0.5, "clusters": 0.1},
        neighbours=9,
    )


class TestChain(SourceContract):
    source = Chain(first=Attributes(), then=Transitions(window=3), hops=5, neighbours=9)


@pytest.mark.slow
class TestChainOfABlend(SourceContract):
    source = Chain(
        first=Ease(regularisation=5.0),
        then=Blend(parts={"one": Transitions(), "other": Attributes()}, weights={"one": 1.0, "other": 0.0}),
        half_life_days=25.0,
    )


class TestLowRank(SourceContract):
    source = LowRank(of=Transitions(from_power=0.5, to_power=0.3), dimensions=6)


@pytest.mark.slow
class TestLowRankOfAChain(SourceContract):
    source = LowRank(
        of=Chain(first=Clusters(vectors=VECTORS), then=Ease(regularisation=5.0)),
        neighbours=4,
        half_life_days=25.0,
    )


class TestClusters(SourceContract):
    source = Clusters(vectors=VECTORS)


class TestContent(SourceContract):
    source = Content(vectors=VECTORS, newest=2)
    exact = False
    optional = ("step_decay",)


class TestContentOfSingleItems(SourceContract):
    source = Content(vectors=VECTORS, newest=2, step_decay=None)
    exact = False


class TestContentInCells(SourceContract):
    source = Content(vectors=VECTORS, index=IndexSettings(kind="ivf"))
    exact = False
    optional = ("step_decay",)


class TestContentOnAGraph(SourceContract):
    source = Content(vectors=VECTORS, index=IndexSettings(kind="hnsw"))
    exact = False
    optional = ("step_decay",)


class TestCollaborative(SourceContract):
    source = Collaborative(half_life_days=40.0)
    exact = False


class TestGroups(SourceContract):
    source = Groups(n_groups=3)
    fills = True


class TestPopular(SourceContract):
    source = Popular(half_life_days=20.0)
    fills = True


@pytest.mark.slow
class TestPopularOfAMonth(SourceContract):
    source = Popular(window_days=30.0)
    fills = True


class TestReplenishment(SourceContract):
    source = Replenishment(kinds=("view", "like", "save"))  # what is bought may not be bought again here


class TestShuffled(SourceContract):
    source = Shuffled(n_orders=4)
    fills = True
