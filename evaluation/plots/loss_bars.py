"""Where the hits were lost: causes as stacked bars, and all that the report's section needs."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from matplotlib.axes import Axes

from evaluation.losses import CAUSES, SOURCE_COUNTS, percents
from evaluation.plots.drawing import COLOURS, QUIET, Plot, label_rows, plot

TITLES: Final = {
    "unknown_item": "unknown item",
    "constraint": "constraint",
    "no_source": "retrieved by no source",
    "index_approximation": "index approximation",
    "cut_by_budget": "cut by the budget",
    "ranked_below_k": "ranked below k",
    "hit": "hit",
}
MEANINGS: Final = {
    "unknown_item": "not in the catalogue when the user was asked for: nobody could have recommended it",
    "constraint": "known, but out of stock or with an ingredient that the user avoids",
    "no_source": "none of the sources named it within its quota",
    "index_approximation": "an exact search would have named it, the approximate index missed it",
    "cut_by_budget": "a source named it, and the budget of the pool left it out",
    "ranked_below_k": "in the pool, and the ranker put others first",
    "hit": "in the list",
}
_COLOURS: Final = {
    "unknown_item": QUIET,
    "constraint": COLOURS[4],
    "no_source": COLOURS[1],
    "index_approximation": COLOURS[6],
    "cut_by_budget": COLOURS[3],
    "ranked_below_k": COLOURS[0],
    "hit": COLOURS[2],
}
_GROUPS: Final = {"warm": "with history", "cold": "without history"}
_SHORT_GROUPS: Final = {"warm": "with history", "cold": "no history"}  # a telephone has no room for more
_LEAST_WRITTEN: Final = {False: 4, True: 13}  # percent; a narrower segment has no room for its figure


def losses_view(section: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What `losses.html.j2` shows; None without a held-out event.

    Parameters
    ----------
    section : mapping or None
        "losses" of `metrics.json`.

    Returns
    -------
    dict
        "k"; "groups", key to title and number of events; "causes", a row each: title, meaning, colour and by
        group (events, percent); "sources", a row each: name and its counts; "of", the group that the plots by
        band and the sources are of; the plots "bars", "by_popularity" and "by_age".
    """
    groups = {group: section[group] for group in _GROUPS if section and section[group]["events"]}
    if section is None or not groups:
        return None
    shown, of_shown = next(iter(groups.items()))
    shares = {group: percents(list(of["causes"].values())) for group, of in groups.items()}
    causes = [
        {
            "title": TITLES[cause].replace("below k", f"below {section['k']}"),
            "meaning": MEANINGS[cause],
            "colour": _COLOURS[cause],
            "counts": [(of["causes"][cause], shares[group][at]) for group, of in groups.items()],
        }
        for at, cause in enumerate(CAUSES)
    ]
    sources = sorted(of_shown["sources"].items(), key=lambda entry: (-entry[1]["unique"], entry[0]))
    return {
        "k": section["k"],
        "groups": {group: (_GROUPS[group], of["events"]) for group, of in groups.items()},
        "causes": causes,
        "sources": [(name, [counts[key] for key in SOURCE_COUNTS]) for name, counts in sources],
        "of": _GROUPS[shown],
        "bars": loss_bars({_SHORT_GROUPS[group]: of["causes"] for group, of in groups.items()}, "users"),
        "by_popularity": loss_bars(of_shown["by_popularity"], "popularity of the item"),
        "by_age": loss_bars(of_shown["by_age"], "age of the item"),
    }


def loss_bars(counts: Mapping[str, Mapping[str, int]], what: str) -> Plot:
    """Causes in percent, a stacked bar for each label that has an event.

    Parameters
    ----------
    counts : mapping of label to cause to events
    what : str
        What the labels tell apart.
    """
    filled = {label: causes for label, causes in counts.items() if sum(causes.values())}
    shares = {label: percents([causes[cause] for cause in CAUSES]) for label, causes in filled.items()}

    def draw(axes: Axes, narrow: bool) -> None:
        for y, values in enumerate(shares.values()):
            _stack(axes, y, [float(value) for value in values], _LEAST_WRITTEN[narrow])
        label_rows(axes, [f"{label}  ({sum(of.values()):,})" for label, of in filled.items()], narrow)
        axes.set_xlim(0, 100)
        axes.set_xlabel("% of held-out events")

    described = "; ".join(
        f"{label}: "
        + ", ".join(f"{TITLES[cause]} {share} %" for cause, share in zip(CAUSES, of, strict=True) if share)
        for label, of in shares.items()
    )
    return plot(draw, 0.7 + 0.34 * len(filled), f"What became of held-out events, by {what}. {described}")


def _stack(axes: Axes, y: int, percent: Sequence[float], least_written: float) -> None:
    """One bar of segments side by side, the wide ones with their figure."""
    left = 0.0
    for cause, width in zip(CAUSES, percent, strict=True):
        if width:
            (bar,) = axes.barh(
                y, width, 0.72, left=left, color=_COLOURS[cause], edgecolor="white", linewidth=0.6
            )
            bar.set_in_layout(False)  # as the axes' limits are fixed; asking every segment takes time
        if width >= least_written:
            figure = axes.text(left + width / 2, y, f"{width:.1f}", color="white", ha="center", va="center")
            figure.set(fontsize=8, in_layout=False)
        left += width
