"""What the ranker sees, and the vectors that retrieval searches."""

from features.activity import Activity
from features.adoption import Adoption
from features.affinity import Affinity
from features.audience import Audience
from features.concern import Concern
from features.feature_set import FeatureSet
from features.group import Group
from features.label_popularity import LabelPopularity
from features.pairs import Pairs
from features.popularity import Popularity
from features.product import Product
from features.repeat import Repeat
from features.replenishment import Replenishment
from features.retrieval_scores import RetrievalScores
from features.similarity import Similarity
from features.vectors.collaborative import CollaborativeVectors
from features.vectors.functionality import FunctionalityVectors
from features.vectors.ingredients import IngredientVectors

__all__ = [
    "Activity",
    "Adoption",
    "Affinity",
    "Audience",
    "CollaborativeVectors",
    "Concern",
    "FeatureSet",
    "FunctionalityVectors",
    "Group",
    "IngredientVectors",
    "LabelPopularity",
    "Pairs",
    "Popularity",
    "Product",
    "Repeat",
    "Replenishment",
    "RetrievalScores",
    "Similarity",
]
