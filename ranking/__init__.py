"""Stage two: the candidates in order."""

from ranking.lambdamart import LambdaMart
from ranking.negatives import NegativeSampling
from ranking.reciprocal_rank_fusion import ReciprocalRankFusion
from ranking.retrieval_order import RetrievalOrder

__all__ = ["LambdaMart", "NegativeSampling", "ReciprocalRankFusion", "RetrievalOrder"]
