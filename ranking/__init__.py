"""Stage two: the candidates in order."""

from ranking.bagged import Bagged
from ranking.cascade import Cascade
from ranking.lambdamart import LambdaMart
from ranking.reciprocal_rank_fusion import ReciprocalRankFusion
from ranking.retrieval_order import RetrievalOrder
from ranking.sampling import Sampling

__all__ = ["Bagged", "Cascade", "LambdaMart", "ReciprocalRankFusion", "RetrievalOrder", "Sampling"]
