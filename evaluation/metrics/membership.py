"""Whether what stands in a list is among what its user brings along."""

import numpy as np
import numpy.typing as npt

from dataset.ragged import Ragged


def is_in_row(
    rows: npt.NDArray[np.integer], values: npt.NDArray[np.integer], table: Ragged
) -> npt.NDArray[np.bool_]:
    """Whether each value stands in its row of `table`, bool of the shape of `values`.

    Parameters
    ----------
    rows : int array that broadcasts to the shape of `values`
        Row of `table` in which each value is looked for; a column of them for a matrix of lists.
    values : int array of any shape
        -1, as behind the end of a list, is nowhere.
    table : Ragged
        Values ascending within each row, as `Ragged.from_pairs` leaves them.

    Examples
    --------
    >>> had = Ragged.from_pairs(np.array([0, 1, 1]), np.array([4, 2, 7]), 2)
    >>> is_in_row(np.array([[0], [1]]), np.array([[4, 2], [7, -1]]), had)
    array([[ True, False],
           [ True, False]])
    """
    if not values.size or not len(table.values):
        return np.zeros(values.shape, bool)
    span = int(max(values.max(), table.values.max())) + 1
    known = table.rows.astype(np.int64) * span + table.values
    asked = np.asarray(rows, np.int64) * span + values
    at = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    found: npt.NDArray[np.bool_] = (known[at] == asked) & (values >= 0)
    return found
