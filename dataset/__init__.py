"""What the data is: tables, contracts, sources, cleaning, splits and the synthetic shop."""

from dataset.sources.kaggle_sephora import KaggleSephora
from dataset.sources.sequences import Sequences
from dataset.sources.shop import Shop
from dataset.sources.tables import TableFiles
from dataset.splits.leave_last_out import LeaveLastOut
from dataset.splits.random import Random
from dataset.splits.temporal import Temporal

__all__ = ["KaggleSephora", "LeaveLastOut", "Random", "Sequences", "Shop", "TableFiles", "Temporal"]
