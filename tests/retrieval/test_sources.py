"""Every retrieval source keeps the contract of sources."""

from retrieval.clusters import Clusters
from retrieval.collaborative import Collaborative
from retrieval.content import Content
from retrieval.ease import Ease
from retrieval.groups import Groups
from retrieval.index import IndexSettings
from retrieval.popular import Popular
from retrieval.shuffled import Shuffled
from retrieval.transitions import Transitions
from tests.contracts.source_contract import SourceContract

VECTORS = {"ingredients": 1.0, "functionality": 0.5, "not to be had": 1.0}


class TestTransitions(SourceContract):
    source = Transitions(window=4, backward=0.3)


class TestTransitionsWithAge(SourceContract):
    source = Transitions(half_life_days=30.0, neighbours=3, from_power=1.0, to_power=0.0)


class TestEase(SourceContract):
    source = Ease(regularisation=5.0, half_life_days=50.0)


class TestClusters(SourceContract):
    source = Clusters(vectors=VECTORS)


class TestContent(SourceContract):
    source = Content(vectors=VECTORS, newest=2)
    exact = False


class TestContentInCells(SourceContract):
    source = Content(vectors=VECTORS, index=IndexSettings(kind="ivf"))
    exact = False


class TestContentOnAGraph(SourceContract):
    source = Content(vectors=VECTORS, index=IndexSettings(kind="hnsw"))
    exact = False


class TestCollaborative(SourceContract):
    source = Collaborative(half_life_days=40.0)
    exact = False


class TestGroups(SourceContract):
    source = Groups(n_groups=3)
    fills = True


class TestPopular(SourceContract):
    source = Popular(half_life_days=20.0)
    fills = True


class TestPopularOfAMonth(SourceContract):
    source = Popular(window_days=30.0)
    fills = True


class TestShuffled(SourceContract):
    source = Shuffled(n_orders=4)
    fills = True
