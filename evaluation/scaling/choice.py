"""Which configuration to run: the cheapest that is as good as the best but for one percent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from evaluation.intervals import Interval, bootstrap
from evaluation.scaling.cells import Cell, cost, done, ndcg

TOLERANCE: Final = 0.01
"""Share of the best nDCG@10 that may be given up."""

Values = Mapping[str, npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Choice:
    """The configuration to run, among those of one data set.

    Parameters
    ----------
    cell, best : str
        Names of the chosen cell and of that with the highest nDCG@10.
    difference : Interval
        nDCG@10 of the chosen minus that of the best, over the same users.
    of : float
        nDCG@10 of the best over those users.
    n_candidates, n_within : int
        Cells that could have been chosen, and those within `TOLERANCE` of the best.
    exact : bool
        Whether `glowrank experiment` gives this nDCG@10 to the last digit.
    """

    cell: str
    best: str
    difference: Interval
    of: float
    n_candidates: int
    n_within: int
    exact: bool

    @property
    def share(self) -> float:
        """The difference as a share of the best's nDCG@10."""
        return share_of(self.difference, self.of)

    @property
    def is_certain(self) -> bool:
        """Whether the whole interval of the difference is within `TOLERANCE`."""
        return self.cell == self.best or bool(self.difference.low >= -TOLERANCE * self.of)

    def as_json(self) -> dict[str, Any]:
        """The mapping of `conclusions.json`."""
        return {
            "cell": self.cell,
            "best": self.best,
            "difference": self.difference.as_json(),
            "of": self.of,
            "share": self.share,
            "is_certain": self.is_certain,
            "n_candidates": self.n_candidates,
            "n_within": self.n_within,
            "exact": self.exact,
        }


def candidates(cells: Sequence[Cell]) -> list[Cell]:
    """Two-stage cells whose figure an experiment reproduces; all two-stage cells where there is none such."""
    measured = [cell for cell in done(cells, "two_stage") if ndcg(cell) is not None]
    measured = [cell for cell in measured if cost(cell, "seconds") is not None]
    return [cell for cell in measured if cell["exact"]] or measured


def chosen(cells: Sequence[Cell], values: Values) -> Choice | None:
    """The cheapest cell within `TOLERANCE` of the best, ties by memory and then by name; None without any.

    What decides is the mean difference over the users whom both were asked for; its interval says how far
    that can be believed.

    Parameters
    ----------
    cells : sequence of mapping
        Of one data set.
    values : mapping of str to float64 array of shape (m,)
        nDCG@10 of each query by cell, NaN for those not asked. A cell without counts with its mean alone.
    """
    among = candidates(cells)
    if not among:
        return None
    best = max(among, key=lambda cell: (ndcg(cell), -(cost(cell, "seconds") or 0.0), cell["cell"]))
    found = differences(among, best, values)
    within = [cell for cell in among if share_of(*found[cell["cell"]]) >= -TOLERANCE]
    cheapest = min(
        within, key=lambda cell: (cost(cell, "seconds"), cost(cell, "memory") or 0.0, cell["cell"])
    )
    difference, of = found[cheapest["cell"]]
    exact = bool(cheapest["exact"])
    return Choice(cheapest["cell"], best["cell"], difference, of, len(among), len(within), exact)


def differences(cells: Sequence[Cell], best: Cell, values: Values) -> dict[str, tuple[Interval, float]]:
    """nDCG@10 of each cell minus the best's over the users of both, and the best's over these users."""
    whole, mean = values.get(best["cell"]), ndcg(best) or 0.0
    found = {
        cell["cell"]: (Interval.without_spread((ndcg(cell) or 0.0) - mean), mean)
        for cell in cells
        if ndcg(cell) is not None
    }
    if whole is None:
        return found
    owns = {name: values[name] for name in found if name in values and values[name].shape == whole.shape}
    if not owns:
        return found
    columns = np.column_stack([own - whole for own in owns.values()])
    asked = np.isfinite(columns).any(axis=1)
    intervals = bootstrap(columns[asked], n_resamples=1000, seed=0).intervals()
    for at, (name, interval) in enumerate(zip(owns, intervals, strict=True)):
        both = np.isfinite(columns[:, at])
        if both.any():
            found[name] = interval, float(whole[both].mean())
    return found


def share_of(difference: Interval, of: float) -> float:
    """A difference as a share of a figure; 0 of nothing."""
    return difference.mean / of if of else 0.0
