"""Several runs and their differences to the first: for the terminal, and as Markdown for a page."""

import re
from collections.abc import Iterable, Sequence

from rich.markup import escape
from rich.table import Table
from rich.text import Text

from evaluation.comparison import Compared
from evaluation.sections import MAIN_RUN
from evaluation.table import STYLE, number, plain, signed, with_interval


def compared_metrics(headline: int) -> tuple[str, str]:
    """What runs are compared by, at the cut-off given."""
    return f"recall@{headline}", f"ndcg@{headline}"


def differences_table(rows: Sequence[Compared], headline: int = 10) -> Table | None:
    """The differences to the first run; None where there is none to show.

    Parameters
    ----------
    rows : sequence of Compared
    headline : int
    """
    shown = [row for row in rows if row.differences]
    if not shown:
        return None
    title = f"Difference to '{escape(rows[0].label)}', paired by user, 95 % intervals"
    table = Table(title=title, **STYLE)
    table.add_column("run", overflow="fold")
    for name in _headings(headline):
        table.add_column(name, justify="right", no_wrap=True)
    for row in shown:
        table.add_row(Text(row.label), *_differences(row, headline))
    return table


def markdown_table(rows: Sequence[Compared], headline: int = 10) -> str:
    """All runs with their differences to the first, in the order given, and what is to be said of them.

    Parameters
    ----------
    rows : sequence of Compared
    headline : int
    """
    recall, ndcg = _headings(headline)
    head = ("run", recall, ndcg, f"difference of {recall}", f"difference of {ndcg}", "pool recall", "seconds")
    lines = [_line(head), "|---|" + "--:|" * (len(head) - 1)]
    for row in rows:
        if row.error:
            continue
        means = [with_interval(row.figures.get(metric)) for metric in compared_metrics(headline)]
        cost = (plain(row.pool_recall), number(row.seconds, ",.1f"))
        lines.append(_line((_escaped(row.label), *means, *_differences(row, headline), *cost)))
    said = [
        f"Means of {MAIN_RUN} over users with history, 95 % bootstrap intervals.",
        "Seconds are without the stages that the cache remembered.",
    ]
    if any(row.differences for row in rows):
        said.append(f"Differences are to '{rows[0].label}', paired by user.")
    return "\n".join([*lines, "", _escaped(" ".join([*said, *notes(rows)]))]) + "\n"


def notes(rows: Sequence[Compared]) -> list[str]:
    """What the tables leave out and why: runs that failed, runs that are not compared; a sentence each."""
    failed = [f"'{row.label}' failed: {row.error}" for row in rows if row.error]
    refused = [
        f"'{row.label}' is not compared with '{rows[0].label}': {row.comparison.refused}."
        for row in rows
        if row.comparison is not None and row.comparison.refused
    ]
    return failed + refused


def _headings(headline: int) -> tuple[str, str]:
    return f"recall@{headline}", f"nDCG@{headline}"


def _differences(row: Compared, headline: int) -> list[str]:
    return [signed(row.differences.get(metric)) for metric in compared_metrics(headline)]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Text that Markdown shows as it is, in one line."""
    return re.sub(r"([\\|*<>\[\]`])", r"\\\1", " ".join(text.split()))
