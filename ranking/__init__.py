"""Stage two: the candidates in order."""

from ranking.bagged import Bagged
from ranking.blended import Blended
from ranking.cascade import Cascade
from ranking.conditional_logit import ConditionalLogit
from ranking.lambdamart import LambdaMart
from ranking.reciprocal_rank_fusion import ReciprocalRankFusion
from ranking.retrieval_order import RetrievalOrder
from ranking.sampling import Sampling

__all__ = [
    "Bagged",
    "Blended",
    "Cascade",
    "ConditionalLogit",
    "LambdaMart",
    "ReciprocalRankFusion",
    "RetrievalOrder",
    "Sampling",
]
