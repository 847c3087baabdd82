"""What splits compare with: features made ready, so that each is a plain `value > threshold`."""

from dataclasses import dataclass
from typing import Final

import numba
import numpy as np
import numpy.typing as npt

NEARLY_ZERO: Final = np.float32(1e-35)  # LightGBM's kZeroThreshold: what is nearer to 0 is 0
GREATEST: Final = np.finfo(np.float32).max


@dataclass(frozen=True)
class Columns:
    """How each of c columns is made from one of the features.

    A split that sends the missing to the left reads a column where they are -inf, one that sends them to the
    right a column where they are +inf; a split on a set of categories reads one that is 0 within the set and
    1 outside. So no column holds NaN, and whoever evaluates the trees needs to know neither.

    Parameters
    ----------
    feature : int32 array of shape (c,), ascending
    missing : float32 array of shape (c,)
        -inf or +inf, what stands for NaN.
    zero_is_missing : bool array of shape (c,)
        Whether it stands for 0 too.
    capped : bool array of shape (c,)
        Whether +inf becomes the greatest finite number, so that only the missing lie above that.
    first_word, n_words : int32 arrays of shape (c,)
        Where in `words` the set of categories lies; `n_words` is -1 where there is none.
    words : uint32 array
        Bit b of word w of a set is category 32 w + b.
    """

    feature: npt.NDArray[np.int32]
    missing: npt.NDArray[np.float32]
    zero_is_missing: npt.NDArray[np.bool_]
    capped: npt.NDArray[np.bool_]
    first_word: npt.NDArray[np.int32]
    n_words: npt.NDArray[np.int32]
    words: npt.NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.feature)

    def of(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The columns of all rows, float32 of shape (n, c).

        Parameters
        ----------
        values : float32 array of shape (n, f), C-contiguous
        """
        out = np.empty((len(self), len(values)), np.float32)
        fill(values, 0, len(values), *self.arrays, out)
        return np.ascontiguousarray(out.T)

    @property
    def arrays(self) -> tuple[npt.NDArray[np.generic], ...]:
        """Arguments of `fill`."""
        missing = self.missing, self.zero_is_missing, self.capped
        return self.feature, *missing, self.first_word, self.n_words, self.words


@numba.njit(nogil=True, cache=True)
def fill(values, start, n, feature, missing, zero_is_missing, capped, first_word, n_words, words, out):  # type: ignore[no-untyped-def]
    """Columns of n rows from `start`; `out`: at least (c, n), a row of it a column."""
    for column in range(len(feature)):
        at, instead, no_zero = feature[column], missing[column], zero_is_missing[column]
        most = GREATEST if capped[column] else np.float32(np.inf)
        first, length = first_word[column], n_words[column]
        if length >= 0:
            for row in range(n):
                value = values[start + row, at]
                within = False
                if value > -1 and value < 32 * length:  # NaN fails; LightGBM cuts -0.5 to category 0
                    code = np.int64(value)
                    within = (words[first + (code >> 5)] >> np.uint32(code & 31)) & np.uint32(1) > 0
                out[column, row] = np.float32(0) if within else np.float32(1)
        elif no_zero:
            for row in range(n):
                value = values[start + row, at]
                known = value > NEARLY_ZERO or value < -NEARLY_ZERO
                out[column, row] = min(value, most) if known else instead
        else:
            for row in range(n):
                value = values[start + row, at]
                value = min(value, most) if value == value else instead
                out[column, row] = np.float32(0) if abs(value) <= NEARLY_ZERO else value
