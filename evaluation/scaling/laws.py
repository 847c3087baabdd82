"""Laws of growth: a power of each size, or a basis and a share for each piece; fitted, and continued.

References
----------
Draper, Smith, "Applied Regression Analysis", 3rd edition, 1998, section 5.1 (t intervals of coefficients and
of a further observation in linear least squares).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.stats import t as student

from evaluation.intervals import CONFIDENCE, Interval

Matrix = npt.NDArray[np.float64]
POWER: Final = "power"
AFFINE: Final = "affine"


@dataclass(frozen=True)
class Law:
    """A fitted law of the cost at sizes of d axes.

    `power`: cost = exp(b_0) x_1^b_1 ... x_d^b_d, by least squares of the logarithms; b_1... are exponents.
    `affine`: cost = b_0 + b_1 x_1 + ... + b_d x_d, none below 0, by least squares of the relative errors.

    Parameters
    ----------
    form : str
        `POWER` or `AFFINE`.
    coefficients : float64 array of shape (1 + d,)
    spread : float
        Standard deviation of the residuals, relative; NaN where no observation is left over.
    covariance : float64 array of shape (1 + d, 1 + d)
        Of the coefficients, for a spread of 1.
    n_spare : int
        Observations beyond the coefficients.
    """

    form: str
    coefficients: Matrix
    spread: float
    covariance: Matrix
    n_spare: int

    def interval(self, axis: int) -> Interval:
        """The coefficient of an axis and its 95 % t interval; NaN ends where no observation is left over."""
        width = self._quantile * self.spread * np.sqrt(self.covariance[1 + axis, 1 + axis])
        mean = float(self.coefficients[1 + axis])
        return Interval(mean, float(mean - width), float(mean + width))

    def predicted(self, size: npt.ArrayLike) -> Interval:
        """The cost at a size, shape (d,), and the 95 % interval of what would be measured there.

        The interval holds if the law does; that another law might is not in it.
        """
        row = _rows(self.form, np.asarray(size, np.float64)[None, :])[0]
        level = float(row @ self.coefficients)
        if self.form == POWER:
            width = self._quantile * self.spread * np.sqrt(1.0 + row @ self.covariance @ row)
            return Interval(*(float(np.exp(level + step)) for step in (0.0, -width, width)))
        relative = row / level
        width = self._quantile * self.spread * np.sqrt(1.0 + relative @ self.covariance @ relative)
        return Interval(level, float(max(level * (1 - width), 0.0)), float(level * (1 + width)))

    @property
    def _quantile(self) -> float:
        return float(student.ppf((1 + CONFIDENCE) / 2, self.n_spare)) if self.n_spare else float("nan")


def fitted(form: str, sizes: Matrix, costs: Matrix) -> Law | None:
    """The law of a form; None if the sizes do not determine it.

    Parameters
    ----------
    form : str
    sizes : float64 array of shape (n, d)
        Above 0.
    costs : float64 array of shape (n,)
        Above 0.

    Examples
    --------
    >>> law = fitted(POWER, np.array([[1.0], [10.0], [100.0]]), np.array([2.0, 20.0, 200.0]))
    >>> round(law.interval(0).mean, 6), round(law.predicted([400.0]).mean, 6)
    (1.0, 800.0)
    """
    rows = _rows(form, sizes)
    wanted = np.log(costs)
    if form == AFFINE:
        rows, wanted = rows / costs[:, None], np.ones(len(costs))
    kept = list(range(rows.shape[1]))
    while kept:
        part = rows[:, kept]
        scale = np.linalg.norm(part, axis=0)
        if len(part) < len(kept) or np.linalg.matrix_rank(part / scale, tol=1e-6) < len(kept):
            return None
        found = np.linalg.lstsq(part / scale, wanted, rcond=None)[0] / scale
        if form == POWER or (found >= 0).all():
            return _law(form, rows, wanted, kept, found)
        kept.pop(int(np.argmin(found * scale)))  # less than nothing costs nothing
    return None


def better_form(sizes: Matrix, costs: Matrix, otherwise: str) -> str:
    """The form that foretells the largest size better from the others; `otherwise` where they do not tell."""
    last = int(np.argmax(np.log(sizes).sum(axis=1)))
    rest = np.arange(len(sizes)) != last
    errors: dict[str, float] = {}
    for form in (otherwise, *({POWER, AFFINE} - {otherwise})):
        law = fitted(form, sizes[rest], costs[rest])
        if law is None:
            return otherwise
        errors[form] = abs(law.predicted(sizes[last]).mean / costs[last] - 1)
    return min(errors, key=lambda form: (round(errors[form], 9), form != otherwise))


def _rows(form: str, sizes: Matrix) -> Matrix:
    return np.column_stack([np.ones(len(sizes)), np.log(sizes) if form == POWER else sizes])


def _law(form: str, rows: Matrix, wanted: Matrix, kept: list[int], found: Matrix) -> Law:
    part = rows[:, kept]
    n_spare = len(part) - len(kept)
    residual = wanted - part @ found
    spread = float(np.sqrt(residual @ residual / n_spare)) if n_spare else float("nan")
    coefficients, covariance = np.zeros(rows.shape[1]), np.zeros((rows.shape[1],) * 2)
    coefficients[kept] = found
    scale = np.linalg.norm(part, axis=0)
    covariance[np.ix_(kept, kept)] = np.linalg.inv((part / scale).T @ (part / scale)) / np.outer(scale, scale)
    return Law(form, coefficients, spread, covariance, n_spare)
