"""Lists whose items are good and unlike one another."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from dataset.errors import ParameterError
from dataset.parameters import check_int, check_number, check_weights
from dataset.persistence import Saved
from dataset.ranked import Ranked
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors
from ranking.policy.caps import Caps
from ranking.policy.greedy_kernels import choose_unlike


@dataclass(frozen=True, kw_only=True)
class MarginalRelevance:
    """Maximal marginal relevance: each place goes to what is good and unlike all that stands above it.

    Of the items that the caps let in, the next one is that with the greatest

        trade_off * worth - (1 - trade_off) * (its greatest cosine with an item chosen before),

    where worth is the ranker's score, scaled so that in each list the best is worth 1 and the last of the
    `depth` best 0: so one trade-off means the same for every ranker and for users who score high or low.
    Equally good ones come in the ranker's order. Per user it takes k * depth * dimensions operations.

    Parameters
    ----------
    trade_off : float
        Within 0 and 1; 1: the ranker's order. Changes results.
    vectors : mapping of str to float
        Weight of each embedding in the cosine, by name; embeddings that the data cannot give are left out,
        and an item that an embedding could not place is like no other by it. Changes results.
    depth : int or None
        How many of the ranker's best may be chosen; None: all candidates. Changes results.

    References
    ----------
    J. Carbonell, J. Goldstein, "The use of MMR, diversity-based reranking for reordering documents and
    producing summaries", SIGIR 1998, section 2.
    """

    trade_off: float = 0.7
    vectors: Mapping[str, float] = field(default_factory=lambda: {"ingredients": 1.0, "functionality": 1.0})
    depth: int | None = 100

    def __post_init__(self) -> None:
        check_number(self, "trade_off", low=0, high=1)
        check_weights(self, "vectors")
        if not any(self.vectors.values()):
            raise ParameterError("MarginalRelevance", "vectors", "at least one weight above 0", self.vectors)
        if self.depth is not None:
            check_int(self, "depth", low=1)

    def fit(self, snapshot: Snapshot, vectors: Mapping[str, Vectors]) -> "FittedMarginalRelevance":
        """Keep the embeddings side by side, such that a dot product is the weighted mean of the cosines."""
        n_items, given = len(snapshot.items), [name for name in self.vectors if name in vectors]
        total = sum(self.vectors[name] for name in given) or 1.0
        blocks = [np.zeros((n_items, 0), np.float32)]
        for name in given:
            dense = vectors[name].dense(n_items)
            length = np.linalg.norm(dense.astype(np.float64), axis=1, keepdims=True)
            scale = np.sqrt(self.vectors[name] / total)
            blocks.append((dense * (scale / np.where(length > 0, length, 1))).astype(np.float32))
        matrix = np.ascontiguousarray(np.concatenate(blocks, axis=1))
        return FittedMarginalRelevance(matrix, float(self.trade_off), self.depth)


@dataclass(frozen=True)
class FittedMarginalRelevance(Saved):
    """Vectors of all items of a snapshot.

    Parameters
    ----------
    matrix : float32 array of shape (n_items, d), C-contiguous
        Length 1 at most.
    trade_off : float
    depth : int or None
    """

    matrix: npt.NDArray[np.float32]
    trade_off: float
    depth: int | None

    @property
    def measure(self) -> str:
        """What `measured` counts."""
        return "mean cosine of two items of a list"

    def reranked(self, requests: Requests, order: Ranked, k: int, caps: Caps) -> npt.NDArray[np.int32]:
        """A permutation of each row of an order; see `FittedReRanker`."""
        depth = order.items.shape[1] if self.depth is None else self.depth
        out = np.empty(order.items.shape, np.int32)
        choose_unlike(order.items, order.scores, self.matrix, self.trade_off, depth, k, *caps.arguments, out)
        return out

    def measured(self, requests: Requests, lists: Ranked) -> npt.NDArray[np.float64]:
        """Mean cosine over the pairs of each list; NaN for lists of fewer than two."""
        squares, total = np.zeros(len(lists)), np.zeros((len(lists), self.matrix.shape[1]))
        for items in lists.items.T:  # by place, so that memory does not grow with the length
            rows = np.where((items >= 0)[:, None], self.matrix[items], 0).astype(np.float64)
            squares += (rows * rows).sum(axis=1)
            total += rows
        n = lists.lengths
        pairs = np.where(n > 1, n * (n - 1), np.nan)
        mean: npt.NDArray[np.float64] = ((total * total).sum(axis=1) - squares) / pairs
        return mean
