"""What users did, as flat arrays in one fixed order."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from dataset.ragged import Categorical, offsets_of

KINDS: Final = ("purchase", "rating", "like", "save", "view", "search")
SECONDS_PER_DAY: Final = 86_400


@dataclass(frozen=True, kw_only=True)
class Interactions:
    """Events sorted by (user, time, item, kind): n rows.

    The order within one moment is that of the codes, hence of a hash: it says nothing.

    Parameters
    ----------
    user, item : int32 arrays of shape (n,)
        Codes.
    kind : int8 array of shape (n,)
        Position in `KINDS`.
    value : float32 array of shape (n,)
        Rating 1 to 5 for ratings; NaN where the event has none.
    time : int64 array of shape (n,)
        Seconds since 1970 UTC.
    stated : mapping of str to Categorical
        What the user said of themselves with the event (skin type in a review); may be empty.
    """

    user: npt.NDArray[np.int32]
    item: npt.NDArray[np.int32]
    kind: npt.NDArray[np.int8]
    value: npt.NDArray[np.float32]
    time: npt.NDArray[np.int64]
    stated: Mapping[str, Categorical] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: npt.NDArray[np.integer] | npt.NDArray[np.bool_]) -> "Interactions":
        """The rows named or masked; ascending rows keep the order sorted."""
        at = np.flatnonzero(rows) if rows.dtype == np.bool_ else np.asarray(rows, np.int64)
        arrays = {f.name: getattr(self, f.name)[at] for f in fields(self) if f.name != "stated"}
        return replace(self, **arrays, stated={name: c.take(at) for name, c in self.stated.items()})

    def sorted(self) -> "Interactions":
        """The same events in the fixed order."""
        return self.take(np.lexsort((self.kind, self.item, self.time, self.user)))

    def offsets(self, n_users: int) -> npt.NDArray[np.int64]:
        """First row of each user, int64 of shape (n_users + 1,)."""
        return offsets_of(np.bincount(self.user, minlength=n_users))

    def is_kind(self, kinds: tuple[str, ...]) -> npt.NDArray[np.bool_]:
        """Whether each event is of one of `kinds`, bool of shape (n,)."""
        return np.isin(self.kind, [KINDS.index(kind) for kind in kinds])
