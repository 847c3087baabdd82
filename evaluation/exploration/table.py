"""What a person sees on the screen: a line a section, and where to cut."""

from collections.abc import Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from evaluation.table import STYLE


def overview_table(explored: Mapping[str, Any]) -> Table:
    """What each section found, in its own sentence.

    Parameters
    ----------
    explored : mapping
        The content of `explore.json`.
    """
    table = Table(title=f"What is in {explored['title']}", show_header=False, **STYLE)
    table.add_column("section", no_wrap=True, style="bold")
    table.add_column("finding", overflow="fold")
    for name, section in explored.items():
        told = section.get("reading") if isinstance(section, Mapping) else None
        if isinstance(told, str) and name not in ("split_advice", "random_split"):
            table.add_row(Text(name.replace("_", " ")), Text(told))
    for name, why in explored["left_out"].items():
        table.add_row(Text(name.replace("_", " ")), Text(f"Left out: {why}"), style="dim")
    return table


def advice_table(explored: Mapping[str, Any]) -> Table:
    """Where to cut, and why: a line an argument."""
    advice, flattery = explored["split_advice"], explored["random_split"]
    table = Table(title=f"Where to cut: {advice['reading']}", show_header=False, **STYLE)
    table.add_column("argument", overflow="fold")
    for line in advice["arguments"]:
        table.add_row(Text(line))
    if flattery is not None:
        table.add_row(Text(flattery["reading"]))
    return table
