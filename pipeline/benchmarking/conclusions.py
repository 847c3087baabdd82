"""From the cells to the answer: `conclusions.json`, `cells.md`, `report.html`, the recommended experiment."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from evaluation.scaling.answer import answer, notes
from evaluation.scaling.conclusions import conclusions
from evaluation.scaling.page import render
from evaluation.scaling.table import as_markdown_table, megabytes, milliseconds
from evaluation.table import MISSING, STYLE, plain
from pipeline.artefacts import write_json, write_text
from pipeline.benchmarking.recommended import FILE, Compose, judged, recommend
from pipeline.benchmarking.results import CELLS, VALUES, read_cells

CONCLUSIONS: Final = "conclusions.json"
TABLE: Final = "cells.md"
REPORT: Final = "report.html"


def conclude(folder: Path, name: str, base: Sequence[str], compose: Compose) -> dict[str, Any]:
    """Write what the cells of a folder tell; returns the content of `conclusions.json`.

    Parameters
    ----------
    folder : Path
        With `cells.jsonl` and the values beside it.
    name : str
        Of the benchmark.
    base : sequence of str
        Overrides of every cell.
    compose : callable
        What `glowrank experiment` would compose of overrides.
    """
    cells = read_cells(folder / CELLS)
    found: dict[str, Any] = {"name": name, "base": list(base), "judged": judged(base)}
    found |= conclusions(cells, values_of(folder, cells))
    found |= {"answer": answer(found), "notes": notes(found), "commands": None}
    (folder / FILE).unlink(missing_ok=True)
    if found["recommended"] is not None:
        told = recommend(found["recommended"], name, base, folder, compose)
        found["commands"] = {**told.as_json(), **_said(found["recommended"], told.test)}
    write_json(folder / CONCLUSIONS, found)
    write_text(folder / TABLE, as_markdown_table(cells, found))
    write_text(folder / REPORT, render(cells, found))
    return found


def values_of(folder: Path, cells: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """nDCG@10 of each query by cell, of those that have it."""
    places = {cell["cell"]: folder / VALUES / f"{cell['cell']}.npy" for cell in cells}
    return {name: np.load(path, allow_pickle=False) for name, path in places.items() if path.exists()}


def show(found: Mapping[str, Any], folder: Path, console: Console) -> None:
    """Print the frontier, the answer, and how to run it."""
    entry = main_data(found)
    if entry is not None and entry["frontier"]:
        console.print(frontier_table(entry))
    for sentence in (found["answer"], *found["notes"]):
        console.print(Text(sentence), soft_wrap=True)
    if found["commands"] is not None:
        told = found["commands"]
        console.print(Text(f"{told['said']} `{told['reproduce']}`"), soft_wrap=True)
        if told["test"]:
            console.print(Text(f"{told['test_said']} `{told['test']}`"), soft_wrap=True)
    for title, name in (("Conclusions", CONCLUSIONS), ("Table", TABLE), ("Report", REPORT)):
        console.print(Text(f"{title}: {folder / name}"), soft_wrap=True)


def frontier_table(entry: Mapping[str, Any]) -> Table:
    """The cells that no other beats in everything, the quickest first; the recommended one in bold."""
    chosen = entry["recommended"] and entry["recommended"]["cell"]
    size = f"{entry['n_items']:,} items, {entry['n_users']:,} users"
    table = Table(title=f"Frontier of nDCG@10, time and memory, {size}", **STYLE)
    table.add_column("cell", overflow="fold")
    for title in ("nDCG@10", "to the best", "ms a user", "peak MB", ""):
        table.add_column(title, justify="right", no_wrap=True)
    figures = entry["figures"]
    names = list(entry["frontier"])
    for name in names if chosen in names or chosen is None else [*names, chosen]:
        one, to_best = figures[name], entry["to_best"].get(name)
        table.add_row(
            Text(name),
            plain(one["ndcg@10"]),
            MISSING if to_best is None else f"{100 * to_best['share']:+.1f} %",
            milliseconds(one["seconds"]),
            megabytes(one["memory"]),
            "recommended" if name == chosen else "",
            style="bold" if name == chosen else "",
        )
    return table


def main_data(found: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The data set that the answer is of; without an answer the largest."""
    choice, data = found["recommended"], found["data"]
    entry: Mapping[str, Any] | None = next(
        (one for one in data if choice is None or one["data"] == choice["data"]), None
    )
    return entry


def _said(choice: Mapping[str, Any], test: str) -> dict[str, str]:
    again = "Gives its nDCG@10 again, to the last digit:" if choice["exact"] else "Runs it for every user:"
    return {"said": again, "test_said": "Test, once:" if test else ""}
