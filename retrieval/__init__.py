"""Stage one: from a catalogue to a few hundred candidates."""

from retrieval.attributes import Attributes
from retrieval.blend import Blend
from retrieval.chain import Chain
from retrieval.clusters import Clusters
from retrieval.collaborative import Collaborative
from retrieval.companions import Companions
from retrieval.content import Content
from retrieval.ease import Ease
from retrieval.fusion import Retrieval
from retrieval.groups import Groups
from retrieval.index import IndexSettings
from retrieval.linear_transitions import LinearTransitions
from retrieval.low_rank import LowRank
from retrieval.popular import Popular
from retrieval.replenishment import Replenishment
from retrieval.shuffled import Shuffled
from retrieval.transitions import Transitions

__all__ = [
    "Attributes",
    "Blend",
    "Chain",
    "Clusters",
    "Collaborative",
    "Companions",
    "Content",
    "Ease",
    "Groups",
    "IndexSettings",
    "LinearTransitions",
    "LowRank",
    "Popular",
    "Replenishment",
    "Retrieval",
    "Shuffled",
    "Transitions",
]
