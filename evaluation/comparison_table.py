"""Several runs and their differences to the first: for the terminal, as Markdown, and as a page."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Final

import jinja2
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from evaluation.comparison import Compared
from evaluation.plots.forest import forest
from evaluation.report.wording import as_markdown
from evaluation.sections import MAIN_RUN
from evaluation.table import STYLE, number, plain, signed, with_interval

_TEMPLATE: Final = "comparison.html.j2"
_TESTED: Final = ("run", "metric", "mean", "difference", "p", "p (Holm)", "detectable", "users")


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
        lines.append(_line((as_markdown(row.label), *means, *_differences(row, headline), *cost)))
    said = [
        f"Means of {MAIN_RUN} over users with history, 95 % bootstrap intervals.",
        "Seconds are without the stages that the cache remembered.",
    ]
    if any(row.differences for row in rows):
        said.append(f"Differences are to '{rows[0].label}', paired by user.")
    return "\n".join([*lines, "", as_markdown(" ".join([*said, *notes(rows)]))]) + "\n"


def significance_table(rows: Sequence[Compared], metrics: Sequence[str]) -> Table:
    """Every run with its differences to the first and their tests, a line a run and metric.

    Parameters
    ----------
    rows : sequence of Compared
        With the figures of `compare_all`; the first is what the others are compared with.
    metrics : sequence of str
    """
    table = Table(title=f"{MAIN_RUN} of {len(rows)} runs, against '{escape(rows[0].label)}'", **STYLE)
    table.add_column("run", overflow="fold")
    for name in _TESTED[1:]:
        table.add_column(name, justify="right", no_wrap=name in ("p", "p (Holm)", "detectable"))
    for row in rows:
        for cells in _tested_cells(row, metrics):
            table.add_row(*map(Text, cells))
    return table


def significance_markdown(rows: Sequence[Compared], metrics: Sequence[str], said: Sequence[str]) -> str:
    """`significance_table` as Markdown, with sentences below it.

    Parameters
    ----------
    rows : sequence of Compared
    metrics : sequence of str
    said : sequence of str
    """
    lines = [_line(_TESTED), "|---|---|" + "--:|" * (len(_TESTED) - 2)]
    lines += [_line(map(as_markdown, cells)) for row in rows for cells in _tested_cells(row, metrics)]
    return "\n".join([*lines, "", *(f"{as_markdown(sentence)}\n" for sentence in said)])


def significance_page(rows: Sequence[Compared], metrics: Sequence[str], said: Sequence[str]) -> str:
    """`significance_table` as a page of HTML with a plot of each metric, which needs nothing else.

    Parameters
    ----------
    rows : sequence of Compared
    metrics : sequence of str
    said : sequence of str
        Below the table. Equal arguments give equal bytes.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("evaluation.report"),  # for the style of the report
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.from_string(files("evaluation").joinpath(_TEMPLATE).read_text(encoding="utf-8"))
    cells = [cells for row in rows for cells in _tested_cells(row, metrics)]
    plots = {metric: forest(_of_metric(rows, metric), metric) for metric in metrics}
    return template.render(
        first=rows[0].label, n_runs=len(rows), heads=_TESTED, cells=cells, plots=plots, said=said
    )


def reading(rows: Sequence[Compared], n_draws: int) -> list[str]:
    """How to read the tested differences: a sentence each, and one for every run that is not compared."""
    return [
        f"Means of {MAIN_RUN} over users with history; differences are to '{rows[0].label}', paired by user. "
        "Intervals are 95 % bootstrap.",
        f"p: two-sided randomisation test, {n_draws:,} draws; Holm: adjusted for all runs of a metric. "
        "Detectable: the smallest true difference that as many users would show with a probability of 80 %.",
        *notes(rows),
    ]


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


def _tested_cells(row: Compared, metrics: Sequence[str]) -> list[tuple[str, ...]]:
    """The lines of a run, one a metric."""
    lines: list[tuple[str, ...]] = []
    for metric in metrics:
        found = row.differences.get(metric, {})
        p, p_holm = (number(found.get(name), ".4f") for name in ("p", "p_holm"))
        detectable, n = number(found.get("detectable"), ".4f"), number(found.get("n"), ",.0f")
        mean = plain(row.figures.get(metric))
        lines.append((row.label, metric, mean, signed(found or None), p, p_holm, detectable, n))
    return lines


def _of_metric(rows: Sequence[Compared], metric: str) -> Mapping[str, Mapping[str, float | None]]:
    return {row.label: row.differences[metric] for row in rows if metric in row.differences}


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
