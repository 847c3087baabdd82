"""Whether the item serves what the user's skin needs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from dataset.candidates import Candidates
from dataset.parameters import check_names, check_number
from dataset.persistence import Saved
from dataset.ragged import Ragged, TokenLists
from dataset.snapshot import Requests, Snapshot
from dataset.vectors import Vectors
from features.lift import Lift
from features.lookup import Lookup


@dataclass(frozen=True)
class FittedConcern(Saved):
    """What the known items serve and the known users need, and who takes what.

    Parameters
    ----------
    items, users : Lookup
    needs : Ragged
        A row a user: codes of the user's concerns, distinct.
    serves : Ragged
        A row an item: the concerns that are among its functions, distinct.
    has_functions : bool array of shape (len(items),)
    n_concerns : int
        Number of distinct concerns.
    attributes : tuple of str
    labels : mapping of str to int32 array of shape (len(users),)
        Codes of those attributes that the data has; -1 where missing.
    lifts : mapping of str to Lift
        For those attributes.
    """

    items: Lookup
    users: Lookup
    needs: Ragged
    serves: Ragged
    has_functions: npt.NDArray[np.bool_]
    n_concerns: int
    attributes: tuple[str, ...]
    labels: Mapping[str, npt.NDArray[np.int32]]
    lifts: Mapping[str, Lift]

    @property
    def names(self) -> tuple[str, ...]:
        """Concerns, then two columns an attribute."""
        matches = (f"{name}_{part}" for name in self.attributes for part in ("lift", "log_count"))
        return ("n_concerns_served", "share_concerns_served", *matches)

    @property
    def categorical(self) -> tuple[str, ...]:
        """None of the columns."""
        return ()

    def transform(self, requests: Requests, candidates: Candidates) -> npt.NDArray[np.float32]:
        """Match of each candidate with its query's user; NaN where the user or the item states nothing."""
        out = np.full((len(candidates), len(self.names)), np.nan, np.float32)
        row, user = self.items.rows(candidates.item), self.users.rows(requests.queries.user)
        _fill_served(
            candidates.offsets, row, user, self.needs.offsets, self.needs.values,
            self.serves.offsets, self.serves.values, self.has_functions, self.n_concerns, out,
        )  # fmt: skip
        for at, name in enumerate(self.attributes):
            if name in self.lifts:
                label = np.append(self.labels[name], np.int32(-1))[user]  # user row -1 is the last
                self.lifts[name].fill(candidates.offsets, row, label, out[:, 2 + 2 * at : 4 + 2 * at])
        return out


@dataclass(frozen=True, kw_only=True)
class Concern:
    """Needs that the item serves, and how users of the same skin took to it.

    Columns: `n_concerns_served`, `share_concerns_served` (of the user's concerns, those among the item's
    functions); for each attribute `_lift` and `_log_count`, see `Lift.fill`: the item's events by users with
    the same label. An attribute that the data lacks fills its columns with NaN.

    Parameters
    ----------
    attributes : list of str
        Categorical attributes of users. Changes results.
    smoothing : float
        See `Lift`. Changes results.
    """

    attributes: Sequence[str] = ("skin_type",)
    smoothing: float = 5.0

    def __post_init__(self) -> None:
        check_names(self, "attributes")
        check_number(self, "smoothing", low=1e-6)

    def fit(
        self, snapshot: Snapshot, vectors: Mapping[str, Vectors], sources: tuple[str, ...]
    ) -> FittedConcern:
        """Match words of functions and concerns; count events by label."""
        items, users = Lookup.of_items(snapshot), Lookup.of_users(snapshot)
        functions = snapshot.items.functions.take(items.codes)
        needs, serves, n_concerns = _matched(snapshot.users.concerns.take(users.codes), functions)
        labels = {
            name: snapshot.users.categorical[name].codes[users.codes]
            for name in self.attributes
            if name in snapshot.users.categorical
        }
        lifts = {
            name: Lift.of(snapshot, items, users, codes, self.smoothing) for name, codes in labels.items()
        }
        has_functions = functions.lists.lengths > 0
        return FittedConcern(
            items, users, needs, serves, has_functions, n_concerns, tuple(self.attributes), labels, lifts
        )


def _matched(concerns: TokenLists, functions: TokenLists) -> tuple[Ragged, Ragged, int]:
    """Both lists in codes of the concerns that occur; functions that are nobody's concern are left out."""
    occurring, needed = np.unique(concerns.lists.values, return_inverse=True)
    code_of = {concerns.words[word]: code for code, word in enumerate(occurring)}
    translation = np.array([code_of.get(word, -1) for word in functions.words], np.int32)
    served = translation[functions.lists.values] if len(translation) else functions.lists.values
    kept = served >= 0
    needs = Ragged.from_pairs(concerns.lists.rows, needed, len(concerns))
    serves = Ragged.from_pairs(functions.lists.rows[kept], served[kept], len(functions))
    return needs, serves, len(occurring)


@numba.njit(nogil=True, cache=True)
def _fill_served(  # type: ignore[no-untyped-def]
    candidate_offsets,
    row,
    user,
    need_offsets,
    need,
    serve_offsets,
    serve,
    has_functions,
    n_concerns,
    out,
):
    """Fill the first two columns of `out`, which holds NaN: concerns served, their share."""
    needed = np.zeros(n_concerns, np.bool_)
    for query in range(len(user)):
        if user[query] < 0:
            continue
        first, last = need_offsets[user[query]], need_offsets[user[query] + 1]
        if first == last:
            continue
        needed[need[first:last]] = True
        for at in range(candidate_offsets[query], candidate_offsets[query + 1]):
            item = row[at]
            if item < 0 or not has_functions[item]:
                continue
            n_served = 0
            for k in range(serve_offsets[item], serve_offsets[item + 1]):
                n_served += needed[serve[k]]
            out[at, 0] = n_served
            out[at, 1] = n_served / (last - first)
        needed[need[first:last]] = False
