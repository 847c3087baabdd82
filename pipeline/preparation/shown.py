"""What a person is told of a preparation."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from dataset.storage import REPORT
from pipeline.preparation.preparing import Outcome

_COUNTS = ("in", "added", "kept", "quarantined", "merged")


def show(outcome: Outcome, folder: Path, console: Console) -> None:
    """Print what became of the rows, why, and what had to be done for it."""
    report = outcome.report
    console.print(_counts(report))
    for table, reasons in report["reasons"].items():
        _say(console, [f"{table}: {reason}: {n:,}" for reason, n in reasons.items()])
    _say(console, [f"merged: {reason}: {n:,}" for reason, n in report["merged"].items()])
    for what in ("converted", "changed"):
        for name, cells in report[what].items():
            _say(console, [f"{what}: {name}: {how}: {n:,}" for how, n in cells.items() if n])
    _say(console, [f"conflicts: {column}: {n:,}" for column, n in report["conflicts"].items()])
    if found := report.get("coverage"):
        shares = f"{found['placed']:,} of {found['mentions']:,} mentions of ingredients are in the inventory"
        _say(console, [f"{shares}: {found['share']:.1%}. The commonest others are in {folder / REPORT}."])
    if outcome.made:
        done = {"read": "pieces", "settled": "parts"}
        new = [
            f"{verb} {outcome.made.get(kind, 0):,} of {outcome.asked[kind]:,} {kind}"
            for verb, kind in done.items()
        ]
        _say(console, [f"Done now: {', '.join(new)}."])
    else:
        _say(console, ["Nothing to do: the inputs are what they were."])
    _say(console, [f"Tables: {folder}"])


def _counts(report: Mapping[str, Any]) -> Table:
    """Rows of each table, and of each stream where a table has several, by what became of them."""
    shown = Table(box=None)
    shown.add_column("table")
    for name in (*_COUNTS, "cells emptied"):
        shown.add_column(name, justify="right")
    for table, counts in report["tables"].items():
        shown.add_row(table, *(f"{counts[name]:,}" for name in (*_COUNTS, "cells")))
        streams = {name: row for name, row in report["sources"].items() if row["table"] == table}
        for name, row in streams.items() if len(streams) > 1 else ():
            shown.add_row(f"  {name}", *(f"{row[count]:,}" for count in _COUNTS))
    return shown


def _say(console: Console, lines: list[str]) -> None:
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
