"""How many users are worked on together within a given memory."""

from dataclasses import dataclass
from typing import Final, Self

from dataset.snapshot import Snapshot
from pipeline.two_stage import FittedTwoStage
from retrieval.nearest import Nearest

SHARE_OF_BLOCKS: Final = 0.25
SHARE_OF_A_PART: Final = 0.1
BYTES_OF_AN_EVENT: Final = 64  # of a history, in all the forms in which a block holds it
BYTES_OF_A_ROW: Final = 96  # of a list, as arrays, as a table and as its pages on the way to the disk
AT_ONCE: Final = 4
SMALLEST: Final = 64
"""Users of a block below which NumPy's calls cost more than what they do."""


@dataclass(frozen=True)
class BytesAUser:
    """What one user of a block takes, roughly: upper bounds, from sizes that the data alone decides.

    Parameters
    ----------
    block : int
        While its lists are made.
    part : int
        In the table of a part.
    """

    block: int
    part: int

    @classmethod
    def of(cls, model: FittedTwoStage, snapshot: Snapshot, n: int) -> Self:
        """For lists of n items by a model."""
        retrieval, features = model.stage_one.retrieval, model.stage_one.features
        n_sources, nominated = len(retrieval.sources), sum(retrieval.quotas)
        n_features = len(features.names) if model.ranker.features else 0
        widest = max((len(family.names) for family in features.families.values()), default=0)
        candidate = 4 + n_sources * (4 + 2) + 4 * (n_features + widest) + 8
        searches = sum(
            (source.newest + 1) * (2 * quota * 12 + 3 * 4 * source.index.matrix.shape[1])
            for source, quota in zip(retrieval.sources.values(), retrieval.quotas, strict=True)
            if isinstance(source, Nearest)
        )
        events = len(snapshot.request_history) // max(len(snapshot.users), 1) + 1
        in_block = retrieval.budget * candidate + searches + 12 * nominated + BYTES_OF_AN_EVENT * events
        return cls(block=in_block + BYTES_OF_A_ROW * n, part=BYTES_OF_A_ROW * n)

    def block_size(self, memory_gb: float, wanted: int) -> int:
        """Users of a block, at most `wanted`, such that `AT_ONCE` blocks take a quarter of the memory.

        It does not hang on the number of threads, and so neither do the lists.
        """
        fitting = int(SHARE_OF_BLOCKS * memory_gb * 1e9 / (AT_ONCE * self.block))
        return min(wanted, max(fitting, SMALLEST))

    def at_once(self, memory_gb: float, block_size: int) -> int:
        """How many blocks of that size a quarter of the memory holds, at least 1."""
        return max(1, int(SHARE_OF_BLOCKS * memory_gb * 1e9 / (block_size * self.block)))

    def part_size(self, memory_gb: float, wanted: int) -> int:
        """Users of a part, at most `wanted`, such that its table takes a tenth of the memory."""
        return min(wanted, max(int(SHARE_OF_A_PART * memory_gb * 1e9 / self.part), SMALLEST))
