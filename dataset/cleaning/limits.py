"""Rules that say which numbers are extreme."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dataset.cleaning.histograms import Histogram
from dataset.errors import ParameterError
from dataset.parameters import check_number


class Rule(Protocol):
    """How the least and the greatest number allowed are found."""

    @property
    def surveys(self) -> bool:
        """Whether the rule depends on the numbers of the whole table."""
        ...

    def limits(self, seen: Histogram | None) -> tuple[float, float]:
        """Least and greatest number allowed."""
        ...


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Hard limits, known from what the column means; nothing leaks.

    Parameters
    ----------
    low, high : float or None
        Least and greatest number allowed; None: no limit.
    """

    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            if getattr(self, name) is not None:
                check_number(self, name)
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ParameterError("Bounds", "low", f"at most high ({self.high})", self.low)

    @property
    def surveys(self) -> bool:
        """No."""
        return False

    def limits(self, seen: Histogram | None) -> tuple[float, float]:
        """As configured."""
        return -np.inf if self.low is None else self.low, np.inf if self.high is None else self.high


@dataclass(frozen=True, kw_only=True)
class Quantiles:
    """Quantiles of the whole column; they see rows after a split in time.

    Parameters
    ----------
    low, high : float
        0 to 1, low below high.
    """

    low: float = 0.001
    high: float = 0.999

    def __post_init__(self) -> None:
        check_number(self, "low", low=0, high=1)
        check_number(self, "high", low=0, high=1)
        if self.low >= self.high:
            raise ParameterError("Quantiles", "low", f"below high ({self.high})", self.low)

    @property
    def surveys(self) -> bool:
        """Yes."""
        return True

    def limits(self, seen: Histogram | None) -> tuple[float, float]:
        """The two quantiles; the numbers are known to six significant digits."""
        assert seen is not None
        return seen.quantile(self.low), seen.quantile(self.high)


@dataclass(frozen=True, kw_only=True)
class Whiskers:
    """Some interquartile ranges below the first quartile and above the third; they see rows after a
    split in time.

    Parameters
    ----------
    reach : float
        Interquartile ranges, at least 0; 1.5 marks outliers, 3 extreme ones.

    References
    ----------
    J. W. Tukey, Exploratory Data Analysis, 1977, section 2D.
    """

    reach: float = 3.0

    def __post_init__(self) -> None:
        check_number(self, "reach", low=0)

    @property
    def surveys(self) -> bool:
        """Yes."""
        return True

    def limits(self, seen: Histogram | None) -> tuple[float, float]:
        """The ends of the whiskers."""
        assert seen is not None
        first, third = seen.quantile(0.25), seen.quantile(0.75)
        return first - self.reach * (third - first), third + self.reach * (third - first)
