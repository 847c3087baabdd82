"""Users, by user code."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.ragged import Categorical, TokenLists


@dataclass(frozen=True, kw_only=True)
class Users:
    """Who the shoppers are, as far as was known at one moment; row = user code, n users.

    Parameters
    ----------
    numeric : mapping of str to float32 array of shape (n,)
        For example age in years; NaN where unknown.
    categorical : mapping of str to Categorical
        For example region, skin_type, skin_tone.
    concerns : TokenLists
        What the skin needs, in the words of `Items.functions`.
    avoids : TokenLists
        INCI names that must never be recommended, in the words of `Items.ingredients`.
    """

    numeric: Mapping[str, npt.NDArray[np.float32]]
    categorical: Mapping[str, Categorical]
    concerns: TokenLists
    avoids: TokenLists

    def __len__(self) -> int:
        return len(self.concerns)
