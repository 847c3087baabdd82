"""How much of the list its user has met before."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.parameters import check_int


@dataclass(frozen=True)
class Repeats:
    """Share of the first k that the user has had any event with; the rest is there to be discovered.

    Where items already got are not recommended again, these are items that were only seen, liked or saved.

    Parameters
    ----------
    k : int
        Cut-off, at least 1. Changes results.

    References
    ----------
    Anderson, Kumar, Tomkins, Vassilvitskii, "The dynamics of repeat consumption", WWW 2014.
    """

    k: int

    def __post_init__(self) -> None:
        check_int(self, "k", low=1)

    @property
    def name(self) -> str:
        """Key in `metrics.json`."""
        return f"repeats@{self.k}"

    def __call__(
        self, is_repeat: npt.NDArray[np.bool_], lengths: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        """Share for each query, within [0, 1], float64 of shape (m,); NaN where the list is empty.

        Parameters
        ----------
        is_repeat : bool array of shape (m, K)
            Whether the item at each place is one of the user's own; False behind the end of a list.
        lengths : int64 array of shape (m,)
            Length of each list.
        """
        n_listed = np.minimum(lengths, self.k)
        n_repeats = is_repeat[:, : self.k].sum(axis=1)
        return np.where(n_listed > 0, n_repeats / np.maximum(n_listed, 1), np.nan)
