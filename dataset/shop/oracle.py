"""The true choice model of a generated shop: the best that can be said from what was bought.

It does not read what was only looked at. Who looks at a product before the cut-off and buys it after gives
that away to a recommender, and the larger the catalogue, the more it is worth beside what taste can tell: in
a shop of 100,000 products, 4 % of what was bought in a window had been looked at before it; of 250,000 and
more, lists of two stages have a higher nDCG@10 than the oracle's (docs/scalability.md).
"""

from dataclasses import dataclass, replace

import numba
import numpy as np
import numpy.typing as npt

from dataset.errors import DataContractError
from dataset.persistence import Saved
from dataset.shop.choice import Purchases, people_of, shelf_of, spell_out
from dataset.shop.components import Components
from dataset.shop.mixtures import Mixtures


@dataclass(frozen=True, kw_only=True)
class ShopOracle(Saved):
    """Knows why everybody buys; arrays in row order of the tables.

    Parameters
    ----------
    components : Components
    mixtures : Mixtures
    purchase_offsets : int64 array of shape (n_users + 1,)
    purchase_item : int32 array of shape (n_purchases,)
    purchase_time : int64 array of shape (n_purchases,)
        All purchases by user, oldest first; of these, only those before the moment asked for are used.
    user_rows, item_rows : int32 arrays of shape (n_users,), (n_items,)
        Row of the tables of each code that `probabilities` speaks in; rising by one until `recode`.
    """

    components: Components
    mixtures: Mixtures
    purchase_offsets: npt.NDArray[np.int64]
    purchase_item: npt.NDArray[np.int32]
    purchase_time: npt.NDArray[np.int64]
    user_rows: npt.NDArray[np.int32]
    item_rows: npt.NDArray[np.int32]

    def recode(self, user_rows: npt.NDArray[np.integer], item_rows: npt.NDArray[np.integer]) -> "ShopOracle":
        """The same oracle in other codes.

        Parameters
        ----------
        user_rows, item_rows : integer arrays
            Row of the tables (or code until now) of each new code; distinct. Where cleaning took an item
            out, it stays part of the truth: rows then sum to less than 1.

        Raises
        ------
        DataContractError
            If a row does not exist or comes twice.
        """
        _check_rows("user", user_rows, len(self.user_rows))
        _check_rows("item", item_rows, len(self.item_rows))
        return replace(self, user_rows=self.user_rows[user_rows], item_rows=self.item_rows[item_rows])

    def probabilities(
        self, user: npt.NDArray[np.integer], time: npt.NDArray[np.integer]
    ) -> npt.NDArray[np.float32]:
        """Probability that each user's next purchase at `time` is each item.

        Exact for a purchase at `time` given the user's purchases strictly before it. Moments after the
        last day count as that day's following epoch: products launched by then, its fashion.

        Parameters
        ----------
        user : integer array of shape (m,)
            User codes.
        time : integer array of shape (m,)
            Seconds since 1970 UTC.

        Returns
        -------
        float32 array of shape (m, n_items)
            Rows sum to 1 (see `recode`); 0 for items not on sale in that epoch and for those with an
            ingredient that the user avoids. Memory 4 n_items bytes a row: ask in blocks.
        """
        rows = self.user_rows[user].astype(np.int64)
        time = np.asarray(time, np.int64)
        epoch = self.components.epoch_of(time)
        out = np.empty((len(rows), len(self.item_rows)), np.float32)
        purchases = Purchases(self.purchase_offsets, self.purchase_item, self.purchase_time)
        people = people_of(self.mixtures)
        for now in np.unique(epoch).tolist():
            shelf = shelf_of(self.components, self.mixtures, now)
            _fill(shelf, people, purchases, np.flatnonzero(epoch == now), rows, time, self.item_rows, out)
        return out


def _check_rows(name: str, rows: npt.NDArray[np.integer], n: int) -> None:
    if len(rows) and (rows.min() < 0 or rows.max() >= n):
        raise DataContractError(
            f"The {name} rows of an oracle must be within 0 and {n - 1}. Got {rows.min()} to {rows.max()}."
        )
    repeated = len(rows) - len(np.unique(rows))
    if repeated:
        raise DataContractError(f"The {name} rows of an oracle must be distinct. Got {repeated} repetitions.")


@numba.njit(nogil=True, cache=True)
def _fill(shelf, people, purchases, queries, user, time, item_rows, out):  # type: ignore[no-untyped-def]
    row = np.empty(len(shelf.category))
    for query in queries:
        spell_out(shelf, people, purchases, user[query], time[query], row)
        for code in range(len(item_rows)):
            out[query, code] = row[item_rows[code]]
