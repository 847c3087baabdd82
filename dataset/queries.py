"""Who is asked for, and when; what turned out to be right."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dataset.ragged import Ragged


@dataclass(frozen=True)
class Queries:
    """Requests for a list: m rows, one a user, ascending by user.

    Parameters
    ----------
    user : int32 array of shape (m,)
        User codes.
    time : int64 array of shape (m,)
        Moment of the request, seconds since 1970 UTC; only events strictly before it may be used.
    """

    user: npt.NDArray[np.int32]
    time: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: npt.NDArray[np.integer] | slice) -> "Queries":
        """The queries named, in that order."""
        return Queries(self.user[rows], self.time[rows])


@dataclass(frozen=True)
class Qrels:
    """The items that turned out relevant to each query, with a grade.

    Parameters
    ----------
    items : Ragged
        A row a query; item codes ascending, distinct.
    grade : int8 array of shape (len(items.values),)
        Relevance of each item, 1 and up; metrics count any grade as relevant.
    """

    items: Ragged
    grade: npt.NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.items)

    def take(self, rows: npt.NDArray[np.integer]) -> "Qrels":
        """The queries named, in that order."""
        positions = Ragged(self.items.offsets, np.arange(len(self.grade), dtype=np.int32)).take(rows)
        return Qrels(self.items.take(rows), self.grade[positions.values])
