"""Cells for the eye: a line when one is done, a table of all."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

Line = Mapping[str, Any]
NOTHING = "–"


def told(line: Line) -> str:
    """What became of a cell, in a line."""
    if line["status"] != "done":
        return f"{line['cell']}: failed. {line['reason']}"
    return f"{line['cell']}: nDCG@10 {_ndcg(line)}, {_seconds(line)} ms a user, {_memory(line)} MB"


def cells_table(lines: Sequence[Line]) -> Table:
    """All cells in order."""
    table = Table(box=None, pad_edge=False)
    table.add_column("cell", overflow="fold")
    for title in ("nDCG@10", "of exhaustive", "ms a user", "of exhaustive", "MB", "index", "pool"):
        table.add_column(title, justify="right", no_wrap=True)
    for line in lines:
        name = Text(line["cell"], style="bold" if line["kind"] == "two_stage" else "dim")
        if line["status"] != "done":
            table.add_row(name, Text("failed", style="red"), *[NOTHING] * 6)
            continue
        share = line["share_of_exhaustive"] or {}
        table.add_row(
            name,
            _ndcg(line),
            _percent(share.get("ndcg@10")),
            _seconds(line),
            _percent(share.get("seconds")),
            _memory(line),
            _percent(line["index_recall"]),
            _percent(line["pool_recall"]),
        )
    return table


def _ndcg(line: Line) -> str:
    mean = line["ndcg@10"]["mean"]
    return NOTHING if mean is None else f"{mean:.4f}"


def _seconds(line: Line) -> str:
    return f"{1000 * line['seconds_per_user']['total']:.3g}"


def _memory(line: Line) -> str:
    peak = line["peak_memory_bytes"]
    return NOTHING if peak is None else f"{peak / 1e6:,.0f}"


def _percent(share: float | None) -> str:
    return NOTHING if share is None else f"{100 * share:.1f} %"
