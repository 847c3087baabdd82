"""A retailer's data, coded and ready to be cut into snapshots."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dataset.interactions import Interactions
from dataset.items import Items
from dataset.users import Users
from dataset.vocabulary import Vocabulary


class Oracle(Protocol):
    """The true choice model behind synthetic data: what a purchase is likely to be, given those before."""

    def probabilities(
        self, user: npt.NDArray[np.int32], time: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """Probability that each user's next purchase at `time` is each item, float32 (len(user), n_items)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """Everything known of a shop, past and future alike; only splits look at it.

    Parameters
    ----------
    name : str
    users : Users
        Attributes that do not change with time; those stated with events come from a snapshot.
    items : Items
    interactions : Interactions
    user_ids, item_ids : Vocabulary
    digest : str
        sha256 over the canonical tables: equal digests, equal results.
    oracle : Oracle or None
        Only for synthetic data.
    """

    name: str
    users: Users
    items: Items
    interactions: Interactions
    user_ids: Vocabulary
    item_ids: Vocabulary
    digest: str
    oracle: Oracle | None = None
