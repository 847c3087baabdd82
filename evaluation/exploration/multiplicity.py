"""What to believe where many questions are asked at once."""

import numpy as np
import numpy.typing as npt


def benjamini_hochberg(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Adjusted p-values: taking all below a limit, the expected share of false ones among them is below it.

    Parameters
    ----------
    p : float64 array of shape (n,)
        Within [0, 1]; NaN where no test could be made, which is not counted.

    Returns
    -------
    float64 array of shape (n,)
        The least of p_j n / rank(j) over all j that are not below; NaN where p is.

    References
    ----------
    Benjamini, Hochberg, "Controlling the false discovery rate", Journal of the Royal Statistical Society B
    57, 1995; holds for independent tests and for those that err together (Benjamini, Yekutieli 2001).

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.5])).round(3)
    array([0.04 , 0.053, 0.053, 0.5  ])
    """
    adjusted = np.full(len(p), np.nan)
    tested = np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    scaled = p[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted
