"""Products, by item code."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.ragged import Categorical, TokenLists


@dataclass(frozen=True, kw_only=True)
class Items:
    """The products of a catalogue; row = item code, n items.

    Parameters
    ----------
    brand : Categorical
    category : Categorical
        The whole path as one label, "Skincare > Treatments > Face Serums".
    price : float32 array of shape (n,)
        In the shop's currency; NaN where unknown.
    in_stock : bool array of shape (n,)
    launched : int64 array of shape (n,)
        Seconds since 1970 UTC; `UNKNOWN_TIME` where there is no launch date.
    ingredients : TokenLists
        Normalised INCI names in label order (most concentrated first).
    functions : TokenLists
        What the product is for: highlights, concerns, category words, functions of its ingredients.
        A word may repeat: the count is its weight.
    min_age : float32 array of shape (n,) or None
        Years that a user must have reached to be shown the item; NaN where anybody may. None where the data
        does not speak of it.
    regions : TokenLists or None
        Where the item may be sold, in the words of the users' region; an empty list: everywhere. None where
        the data does not speak of it.
    """

    brand: Categorical
    category: Categorical
    price: npt.NDArray[np.float32]
    in_stock: npt.NDArray[np.bool_]
    launched: npt.NDArray[np.int64]
    ingredients: TokenLists
    functions: TokenLists
    min_age: npt.NDArray[np.float32] | None = None
    regions: TokenLists | None = None

    def __len__(self) -> int:
        return len(self.price)


UNKNOWN_TIME = np.iinfo(np.int64).max
