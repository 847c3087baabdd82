"""What a ranker learns from: which queries, and which of the candidates that nobody took."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.parameters import check_int, check_number


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """Every positive, and each negative with the same probability, independent of its rank.

    A draw hangs on the user and the item alone, by a seeded hash, not on block or row order.

    Parameters
    ----------
    negatives : float
        Probability to keep a negative, above 0 and at most 1. Changes results; time grows with it.
    cold_queries : float
        Probability to learn from a query whose user has no history, within 0 and 1. They tell nothing of
        taste, and where they are many they drown those that do. Changes results.
    max_queries : int
        Queries learnt from a snapshot, at most; more are drawn by hash. Changes results; bounds time and
        memory of the training.
    seed : int
    """

    negatives: float = 0.3
    cold_queries: float = 0.0
    max_queries: int = 25_000
    seed: int = 0

    def __post_init__(self) -> None:
        check_number(self, "negatives", low=1e-6, high=1)
        check_number(self, "cold_queries", low=0, high=1)
        check_int(self, "max_queries", low=1)
        check_int(self, "seed", low=0)

    def queries(self, user: npt.NDArray[np.int32], is_warm: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        """Rows of the queries that are learnt from, ascending; the arguments, (m,), describe them all."""
        draw = self._uniform(user.astype(np.uint64))
        rows = np.flatnonzero(is_warm | (draw < self.cold_queries))
        if len(rows) <= self.max_queries:
            return rows
        order = self._uniform(_mix(user[rows].astype(np.uint64)))  # apart from what chose the cold ones
        return np.sort(rows[np.argsort(order, kind="stable")[: self.max_queries]])

    def sample(
        self, user: npt.NDArray[np.int32], item: npt.NDArray[np.int32], grade: npt.NDArray[np.int8]
    ) -> npt.NDArray[np.int64]:
        """Rows kept, ascending; the arguments, all of shape (n,), describe the candidates."""
        uniform = self._uniform((user.astype(np.uint64) << np.uint64(32)) | item.astype(np.uint64))
        return np.flatnonzero((grade > 0) | (uniform < self.negatives))

    def weights(self, grade: npt.NDArray[np.int8]) -> npt.NDArray[np.float64]:
        """How many candidates of the pool each one that was kept stands for, float64 of shape (n,).

        One over the probability of being kept: sums so weighted estimate those of the pool without bias
        (Horvitz and Thompson, Journal of the American Statistical Association 1952, section 2).
        """
        weights: npt.NDArray[np.float64] = np.where(grade > 0, 1.0, 1.0 / self.negatives)
        return weights

    def _uniform(self, key: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
        """A number within 0 and 1 for each key, by a seeded hash."""
        uniform: npt.NDArray[np.float64] = _mix(key ^ _mix(np.full(1, self.seed, np.uint64))) / np.float64(
            2**64
        )
        return uniform


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014, figure 16)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
