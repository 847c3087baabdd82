"""`cells.jsonl`: a line a cell, in the order of the plan, whole after every cell."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataset.errors import ArtefactError, ConfigurationError
from pipeline.artefacts import write_json, write_text
from pipeline.benchmarking.cell import line_of
from pipeline.benchmarking.plan import Plan, PlannedCell

CELLS: Final = "cells.jsonl"
PLAN: Final = "plan.json"
VALUES: Final = "values"


@dataclass(frozen=True)
class Results:
    """The lines of a folder, by key.

    Parameters
    ----------
    folder : Path
    plan : Plan
    lines : dict of str to dict
    """

    folder: Path
    plan: Plan
    lines: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def opened(cls, folder: Path, plan: Plan, *, retry: bool = False) -> "Results":
        """What is there already; a cell that failed counts as there unless it is to be tried again.

        Raises
        ------
        ConfigurationError
            If cells of another grid are there.
        """
        lines = {line["key"]: line for line in read_cells(folder / CELLS)} if folder.exists() else {}
        strangers = [line["cell"] for key, line in lines.items() if key not in {c.key for c in plan.cells}]
        if strangers:
            raise ConfigurationError(
                f"{folder} must be new, or hold cells of this grid, these settings and this data. Got "
                f"{strangers[0]}{' and others' if len(strangers) > 1 else ''}; take another folder: out=DIR."
            )
        kept = {key: line for key, line in lines.items() if line["status"] == "done" or not retry}
        return cls(folder, plan, kept)

    def begin(self, facts: Mapping[str, Any]) -> None:
        """Write what the cells have in common."""
        write_json(self.folder / PLAN, {**facts, "cells": [cell.name for cell in self.plan.cells]})

    def add(self, cell: PlannedCell, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Write a cell's line; returns it."""
        labels = {"cell": cell.name, "kind": cell.kind, "build": dict(cell.build), "query": dict(cell.query)}
        line = line_of({**labels, "overrides": list(cell.overrides), "key": cell.key, **facts})
        if line["status"] == "done":
            line["share_of_exhaustive"] = self._share(cell, line)
        self.lines[cell.key] = line
        known = [self.lines[other.key] for other in self.plan.cells if other.key in self.lines]
        write_text(self.folder / CELLS, "".join(f"{json.dumps(known_line)}\n" for known_line in known))
        return line

    def pending(self) -> list[PlannedCell]:
        """Cells without a line, in order."""
        return [cell for cell in self.plan.cells if cell.key not in self.lines]

    def values(self, cell: PlannedCell) -> Path:
        """Where a cell's nDCG by query is."""
        return self.folder / VALUES / f"{cell.name}.npy"

    def _share(self, cell: PlannedCell, line: Mapping[str, Any]) -> dict[str, float | None] | None:
        """Of the exhaustive cell of the same data, if it is there."""
        of_data = [c for c in self.plan.cells if c.kind == "exhaustive" and c.data == cell.data]
        if not of_data:
            return None
        whole = of_data[0]
        other = line if whole.key == cell.key else self.lines.get(whole.key)
        if other is None or other["status"] != "done":
            return None
        own, best = (np.load(self.values(c), allow_pickle=False) for c in (cell, whole))
        seconds = line["seconds_per_user"]["total"] / other["seconds_per_user"]["total"]
        return {"ndcg@10": share_of(own, best), "seconds": seconds}


def share_of(values: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> float | None:
    """Mean of values as a share of another mean, over the queries that both have; None where that is 0."""
    both = np.isfinite(values) & np.isfinite(whole)
    if not both.any() or not whole[both].any():
        return None
    return float(values[both].mean() / whole[both].mean())


def read_cells(path: Path) -> list[dict[str, Any]]:
    """The lines of a file of cells; none if it is not there.

    Raises
    ------
    ArtefactError
        If a line is none of ours.
    """
    if not path.exists():
        return []
    try:
        lines: Sequence[Any] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        return [line_of(line) for line in lines]
    except (ValueError, TypeError, AttributeError) as error:
        raise ArtefactError(f"{path} must hold a cell a line. Got: {error}.") from error
