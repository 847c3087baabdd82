"""How costs grow with items and users, and what a size four times larger would cost."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from evaluation.intervals import Interval
from evaluation.scaling.cells import COSTS, Cell, cost
from evaluation.scaling.laws import AFFINE, POWER, Law, better_form, fitted
from evaluation.scaling.sizes import AXES, LEAST, Family, families

FACTOR: Final = 4.0
"""How much larger the size is that is foretold."""
NEAR: Final = 0.25
"""Relative error of a prediction that counts as kept."""
_POINTS: Final = 25
_USUAL: Final = {"memory": AFFINE, "index": AFFINE, "fit": AFFINE}
"""Form of a law where the sizes do not tell: memory, files and fits have a basis, libraries for one."""


def growth(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Of each configuration that was measured at several sizes, its laws and what they foretell.

    Exponents are those of the power law. What is foretold is by the power law or by a basis and a share for
    each item and user, whichever foretold the largest size in the fit better from the others.

    Returns
    -------
    list of dict
        `configuration`, `kind`; `axes` that grow, `is_together` if items and users grew alike and `n_items`
        stands for both; `sizes` in the fit, `target`, the size foretold; `checked`, whether cells of it were
        measured and kept out; `costs`, by name of `COSTS`: see `_of_cost`; or `reason`, why there is no fit.
    """
    return [_of_family(family) for family in families(cells)]


def _of_family(family: Family) -> dict[str, Any]:
    out = family.apart()
    kept, apart = family.take(~out), family.take(out)
    axes = kept.growing()
    told: dict[str, Any] = {
        "configuration": family.name,
        "kind": family.kind,
        "axes": list(axes),
        "is_together": axes == tuple(AXES)[:1] and kept.n_levels("n_users") > 1,
        "sizes": _sizes(kept),
    }
    grown = {axis: kept.n_levels(axis) for axis in axes}
    if max(grown.values(), default=0) < LEAST:
        most = max(grown.values(), default=1)
        return {**told, "reason": f"A fit needs {LEAST} sizes in items or in users. Got {most}."}
    target = _target(kept, apart, axes)
    costs = {name: _of_cost(name, kept, apart, target) for name in COSTS}
    return {
        **told,
        "target": target,
        "checked": bool(apart.cells),
        "costs": {name: found for name, found in costs.items() if found is not None},
    }


def _of_cost(name: str, kept: Family, apart: Family, target: Mapping[str, float]) -> dict[str, Any] | None:
    """The law of a cost; None where it was not measured at enough sizes.

    Returns
    -------
    dict or None
        `form`; `exponents`, by axis `mean`, `low`, `high` and `n_sizes`, with ends where three sizes and one
        observation more than coefficients tell them; `predicted`, at the target; `observed`, what was
        measured at the sizes in the fit; `curves`, by axis, see `_curves`;
        `checks`, a mapping for each cell kept out: `predicted`, `measured`, `relative_error`, `is_near`,
        `is_inside`.
    """
    has = np.array([cost(cell, name) is not None for cell in kept.cells])
    kept = kept.take(has)
    axes = kept.growing() if len(kept.cells) else ()
    if max((kept.n_levels(axis) for axis in axes), default=0) < LEAST:
        return None
    sizes, costs = kept.sizes(axes), np.array([cost(cell, name) for cell in kept.cells], np.float64)
    power = fitted(POWER, sizes, costs)
    if power is None:
        return None
    form = better_form(sizes, costs, _USUAL.get(name, POWER))
    law = (power if form == POWER else fitted(form, sizes, costs)) or power
    return {
        "form": law.form,
        "exponents": {axis: _exponent(power, kept, axis, at) for at, axis in enumerate(axes)},
        "predicted": law.predicted([target[axis] for axis in axes]).as_json(),
        "observed": [
            {**size, "value": value} for size, value in zip(_sizes(kept), costs.tolist(), strict=True)
        ],
        "curves": {axis: _curves(law, kept, axes, axis, target) for axis in axes},
        "checks": [
            _check(law.predicted([float(cell[axis]) for axis in axes]), cell, measured)
            for cell in apart.cells
            if (measured := cost(cell, name)) is not None
        ],
    }


def _exponent(power: Law, kept: Family, axis: str, at: int) -> dict[str, float | None]:
    interval = power.interval(at)
    enough = kept.n_levels(axis) >= LEAST
    told = (interval if enough else Interval.without_spread(interval.mean)).as_json()
    return {**told, "n_sizes": kept.n_levels(axis)}


def _check(predicted: Interval, cell: Cell, measured: float) -> dict[str, Any]:
    error = predicted.mean / measured - 1
    inside = bool(predicted.low <= measured <= predicted.high) if np.isfinite(predicted.low) else None
    return {
        "cell": cell["cell"],
        "n_items": cell["n_items"],
        "n_users": cell["n_users"],
        "predicted": predicted.as_json(),
        "measured": measured,
        "relative_error": error,
        "is_near": abs(error) <= NEAR,
        "is_inside": inside,
    }


def _target(kept: Family, apart: Family, axes: Sequence[str]) -> dict[str, float]:
    """The largest size that was kept out; else four times the largest in the fit, where three sizes grow."""
    if apart.cells:
        largest = max(apart.cells, key=lambda cell: (cell["n_items"] * cell["n_users"], cell["cell"]))
        return {axis: float(largest[axis]) for axis in AXES}
    sizes = kept.sizes(list(AXES)).max(axis=0)
    is_together = len(axes) == 1 and all(kept.n_levels(axis) > 1 for axis in AXES)
    return {
        axis: float(size) * (FACTOR if is_together or kept.n_levels(axis) >= LEAST else 1.0)
        for axis, size in zip(AXES, sizes, strict=True)
    }


def _curves(
    law: Law, kept: Family, axes: Sequence[str], axis: str, target: Mapping[str, float]
) -> list[dict[str, Any]]:
    """The law along an axis, for each size on the other and for the target's: `at`, `points`.

    A point is size, cost, low, high.
    """
    sizes, at = kept.sizes(axes), axes.index(axis)
    along = np.geomspace(sizes[:, at].min(), max(target[axis], sizes[:, at].max()), _POINTS)
    other = next((name for name in axes if name != axis), None)
    levels: list[float | None] = [None]
    if other is not None:
        levels = sorted({*np.unique(kept.level[other]).tolist(), target[other]})
    curves = []
    for level in levels:
        at_sizes = [[float(size) if name == axis else level or 0.0 for name in axes] for size in along]
        found = [law.predicted(size) for size in at_sizes]
        points = [
            [float(size), *interval.as_json().values()] for size, interval in zip(along, found, strict=True)
        ]
        curves.append({"at": level, "points": points})
    return curves


def _sizes(family: Family) -> list[dict[str, Any]]:
    return [{axis: cell[axis] for axis in AXES} for cell in family.cells]
