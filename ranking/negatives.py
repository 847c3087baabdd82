"""Which of the candidates that nobody took a ranker learns from."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.parameters import check_int, check_number


@dataclass(frozen=True, kw_only=True)
class NegativeSampling:
    """Every positive, and each negative with the same probability, independent of its rank.

    A draw hangs on the user and the item alone, by a seeded hash, not on block or row order.

    Parameters
    ----------
    share : float
        Probability to keep a negative, above 0 and at most 1. Changes results; time grows with it.
    seed : int
    """

    share: float = 0.3
    seed: int = 0

    def __post_init__(self) -> None:
        check_number(self, "share", low=1e-6, high=1)
        check_int(self, "seed", low=0)

    def sample(
        self, user: npt.NDArray[np.int32], item: npt.NDArray[np.int32], grade: npt.NDArray[np.int8]
    ) -> npt.NDArray[np.int64]:
        """Rows kept, ascending; the arguments, all of shape (n,), describe the candidates."""
        key = (user.astype(np.uint64) << np.uint64(32)) | item.astype(np.uint64)
        uniform = _mix(key ^ _mix(np.full(1, self.seed, np.uint64))) / np.float64(2**64)
        return np.flatnonzero((grade > 0) | (uniform < self.share))


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014, figure 16)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
