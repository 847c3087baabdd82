"""All cells as a table to paste."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from evaluation.report.wording import as_markdown
from evaluation.scaling.cells import Cell, cost
from evaluation.table import MISSING, number, with_interval

COLUMNS: Final = (
    "cell", "items", "users", "nDCG@10", "to the best", "of exhaustive", "ms a user", "of exhaustive",
    "search", "features", "ranking", "peak MB", "index MB", "index recall", "pool recall", "coverage",
    "fit s", "trees", "candidates",
)  # fmt: skip


def rows(cells: Sequence[Cell], found: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """A row a cell that was measured: what it is, and its texts in the order of `COLUMNS`.

    What it is: "main" for the recommended one, "frontier", or the kind of a yardstick, "".
    """
    of_data = {entry["data"]: entry for entry in found["data"]}
    recommended = {entry["recommended"]["cell"] for entry in found["data"] if entry["recommended"]}
    told = []
    for cell in cells:
        if cell["status"] != "done":
            continue
        entry = of_data.get(cell["data"], {})
        mark = "frontier" if cell["cell"] in entry.get("frontier", ()) else ""
        mark = "main" if cell["cell"] in recommended else mark
        mark = "muted" if cell["kind"] in ("oracle", "exhaustive") else mark
        told.append((mark, _texts(cell, entry)))
    return told


def as_markdown_table(cells: Sequence[Cell], found: Mapping[str, Any]) -> str:
    """The table in Markdown: frontier in italics, recommended in bold."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|:---" + "|---:" * (len(COLUMNS) - 1) + "|"]
    for mark, texts in rows(cells, found):
        name = as_markdown(texts[0])
        name = {"main": f"**{name}**", "frontier": f"*{name}*"}.get(mark, name)
        lines.append("| " + " | ".join([name, *(as_markdown(text) for text in texts[1:])]) + " |")
    lines += ["", "Bold: recommended. Italics: on the frontier of nDCG@10, time and memory."]
    if found["failed"]:
        lines += ["", "| failed | why |", "|---|---|"]
        lines += [f"| {as_markdown(one['cell'])} | {as_markdown(one['reason'])} |" for one in found["failed"]]
    return "\n".join(lines) + "\n"


def _texts(cell: Cell, entry: Mapping[str, Any]) -> list[str]:
    share = cell["share_of_exhaustive"] or {}
    to_best = entry.get("to_best", {}).get(cell["cell"])
    stages = cell["seconds_per_user"] or {}
    return [
        cell["cell"],
        number(cell["n_items"], ","),
        number(cell["n_users"], ","),
        with_interval(cell["ndcg@10"]),
        MISSING if to_best is None else f"{100 * to_best['share']:+.1f} %",
        percent(share.get("ndcg@10")),
        milliseconds(stages.get("total")),
        percent(share.get("seconds")),
        *(milliseconds(stages.get(stage)) for stage in ("search", "features", "ranking")),
        megabytes(cost(cell, "memory")),
        megabytes(cost(cell, "index")),
        number(cell["index_recall"], ".3f"),
        number(cell["pool_recall"], ".3f"),
        number(cell["coverage@10"], ".3f"),
        number(cost(cell, "fit"), ",.1f"),
        number(cell["n_trees"], ","),
        number(cell["n_candidates"], ",.0f"),
    ]


def milliseconds(seconds: float | None) -> str:
    """Seconds per user as thousandths, to three digits."""
    if seconds is None:
        return MISSING
    return f"{1000 * seconds:.3g}" if seconds < 0.1 else f"{1000 * seconds:,.0f}"


def megabytes(size: float | None) -> str:
    """Bytes as millions."""
    return MISSING if size is None else f"{size / 1e6:,.0f}" if size >= 1e7 else f"{size / 1e6:,.2f}"


def percent(share: float | None) -> str:
    """A share in percent, to two digits where it is small."""
    if share is None:
        return MISSING
    return f"{100 * share:.1f} %" if share >= 0.1 else f"{100 * share:.2g} %"
