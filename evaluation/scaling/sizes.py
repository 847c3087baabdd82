"""The same configuration at several sizes: which cells, which axes grow, which sizes are kept apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from evaluation.scaling.cells import Cell, common, done, shown

AXES: Final = {"n_items": "dataset.n_items", "n_users": "dataset.n_users"}
"""What a cell says of its size, and the setting that decides it."""
APART: Final = 3.0
"""The largest size is kept out of a fit, to check it, if it is this many times the next."""
LEAST: Final = 3
"""Sizes on an axis that a fit needs."""
_ALIKE: Final = 1.05
_TOGETHER: Final = 0.98


@dataclass(frozen=True)
class Family:
    """Cells that differ in the size of their data alone.

    Parameters
    ----------
    name, kind : str
    cells : tuple of mapping
        n of them.
    level : dict of str to float64 array of shape (n,)
        Size of each cell on each axis, equal where it is meant to be.
    """

    name: str
    kind: str
    cells: tuple[Cell, ...]
    level: Mapping[str, npt.NDArray[np.float64]]

    def sizes(self, axes: Sequence[str]) -> npt.NDArray[np.float64]:
        """Sizes as measured, shape (n, d)."""
        return np.array([[float(cell[axis]) for axis in axes] for cell in self.cells])

    def take(self, at: npt.NDArray[np.bool_]) -> "Family":
        """Some of the cells."""
        cells = tuple(cell for cell, is_kept in zip(self.cells, at, strict=True) if is_kept)
        return Family(self.name, self.kind, cells, {axis: level[at] for axis, level in self.level.items()})

    def n_levels(self, axis: str) -> int:
        """Different sizes on an axis."""
        return len(np.unique(self.level[axis]))

    def growing(self) -> tuple[str, ...]:
        """Axes with several sizes; of two that grow together the first."""
        axes = tuple(axis for axis in AXES if self.n_levels(axis) > 1)
        if len(axes) == 2:
            one, other = (np.log(self.level[axis]) for axis in axes)
            if np.corrcoef(one, other)[0, 1] > _TOGETHER:
                return axes[:1]
        return axes

    def apart(self) -> npt.NDArray[np.bool_]:
        """Which cells are kept out of the fit: those of the largest size on an axis, if it is `APART`."""
        out = np.zeros(len(self.cells), np.bool_)
        for axis in AXES:
            kept = self.take(~out)
            *rest, last = np.unique(kept.level[axis])
            if len(rest) >= LEAST and last >= APART * rest[-1]:
                out |= self.level[axis] == last
        return out


def families(cells: Sequence[Cell]) -> list[Family]:
    """Configurations that were measured at several sizes, in the order of the cells."""
    measured = done(cells)
    unsaid = [*AXES.values(), *common(measured)]
    groups: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in measured:
        groups.setdefault(_configuration(cell), []).append(cell)
    found = []
    for group in groups.values():
        family = Family(_name(group[0], unsaid), group[0]["kind"], tuple(group), _levels(group))
        if family.growing():
            found.append(family)
    return found


def _configuration(cell: Cell) -> tuple[Any, ...]:
    """All that decides a cell but the size of its data."""
    words = [word for word in cell["overrides"] if word.lstrip("+").partition("=")[0] not in AXES.values()]
    reference = cell["cell"].partition(",")[0] if cell["kind"] == "source" else ""
    return cell["kind"], reference, tuple(words)


def _name(cell: Cell, unsaid: Sequence[str]) -> str:
    return shown(cell, unsaid) if cell["kind"] == "two_stage" else str(cell["cell"].partition(",")[0])


def _levels(cells: Sequence[Cell]) -> dict[str, npt.NDArray[np.float64]]:
    """Sizes as they were asked for, or else as measured, those that differ by little made equal."""
    found = {}
    for axis, setting in AXES.items():
        asked = [cell["build"].get(setting) for cell in cells]
        if all(value is not None for value in asked):
            found[axis] = np.array([float(value) for value in asked])
            continue
        measured = np.array([float(cell[axis]) for cell in cells])
        order = np.argsort(measured, kind="stable")
        rises = np.append(False, measured[order][1:] > _ALIKE * measured[order][:-1])
        first = measured[order][np.flatnonzero(np.append(True, rises[1:]))]
        found[axis] = np.empty(len(cells))
        found[axis][order] = first[np.cumsum(rises)]
    return found
