"""The page of an exploration: one HTML file that needs nothing else, made of `explore.json` alone."""

from collections.abc import Mapping
from typing import Any

import jinja2

from evaluation.exploration.drawings import DRAWINGS
from evaluation.exploration.wording import number, percent
from evaluation.plots.drift_map import LEGEND
from evaluation.report.wording import FILTERS, fact


def render(explored: Mapping[str, Any]) -> str:
    """The page as HTML; equal contents give equal bytes.

    Parameters
    ----------
    explored : mapping
        The content of `explore.json`: nothing is on the page that is not in there.
    """
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(
            [jinja2.PackageLoader("evaluation.exploration"), jinja2.PackageLoader("evaluation.report")]
        ),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {**FILTERS, "percent": percent, "number": number, "both_facts": _both}
    plots = {name: draw(explored[name]) for name, draw in DRAWINGS.items() if explored.get(name)}
    template = environment.get_template("explore.html.j2")
    # The macros of the other report ask for these names of runs; there are none here.
    return template.render(x=explored, plots=plots, drift_legend=LEGEND, main="", oracle="")


def _both(pair: list[Any]) -> list[str]:
    """A name and its count, as they are read."""
    return [str(pair[0]), fact(pair[1])]
