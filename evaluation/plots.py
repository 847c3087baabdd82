"""Plots of the report as SVG: deterministic, each in a wide and a narrow drawing.

Figures are drawn without pyplot, so there is no global state to clear up and no window system.
"""

import base64
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation.retrieval import CUTOFFS
from evaluation.sections import POOL

# Okabe and Ito's colours, darkened to a contrast of 4.5 on white; told apart by marker and dash as well.
COLOURS: Final = ("#0b62a4", "#b34700", "#00775a", "#8c4a86", "#8a6100", "#3b3f8f", "#a3244a", "#4d6b1f")
INK: Final = "#1f2933"
QUIET: Final = "#66727f"
RULE: Final = "#d9dee3"
_MARKERS: Final = "osD^vPX<"
_DASHES: Final = ("-", "--", "-.", ":")
_STYLE: Final[Any] = {  # Any: the stubs of matplotlib list every key as a literal
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,  # names are data: a "$" in one is no formula
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": QUIET,
    "axes.labelsize": 9,
    "xtick.color": QUIET,
    "ytick.color": INK,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": INK,
    "axes.grid": True,
    "grid.color": "#eceff1",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: small, and in the reader's own font
    "svg.hashsalt": "glowrank",
}
_FONTS: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
_WIDTHS_INCHES: Final = {"wide": 9.6, "half": 4.8, "narrow": 3.75}


@dataclass(frozen=True)
class Plot:
    """One plot as two data URIs, and in words.

    Parameters
    ----------
    wide, narrow : str
        `data:` URIs of SVG images, for a desk and for a telephone.
    description : str
        What is to be seen, for those who cannot see it.
    """

    wide: str
    narrow: str
    description: str


def forest(differences: Mapping[str, Mapping[str, Any]], metric: str) -> Plot | None:
    """Paired differences with their intervals, a line each; None where there is none.

    Parameters
    ----------
    differences : mapping of label to figures
        Best known last; each {"mean", "low", "high"}.
    metric : str
        Name of the axis.
    """
    rows = [(label, f) for label, f in differences.items() if f["mean"] is not None and f["low"] is not None]

    def draw(axes: Axes, narrow: bool) -> None:
        axes.axvline(0, color=QUIET, linewidth=1)
        for y, (_, figures) in enumerate(rows):
            sure = figures["low"] > 0 or figures["high"] < 0
            colour = QUIET if not sure else COLOURS[0] if figures["low"] > 0 else COLOURS[1]
            _whisker(axes, figures, y, colour, "D" if sure else "o", hollow=not sure)
            if not narrow:
                axes.annotate(
                    f"{figures['mean']:+.4f}  [{figures['low']:+.4f}, {figures['high']:+.4f}]",
                    (1.01, y), xycoords=("axes fraction", "data"), va="center", color=colour,
                )  # fmt: skip
        _label_rows(axes, [label for label, _ in rows], narrow)
        axes.set_xlabel(f"difference in {metric}")

    if not rows:
        return None
    description = f"Difference in {metric} with 95 % intervals against " + ", ".join(r for r, _ in rows)
    return _plot(draw, 0.75 + 0.32 * len(rows), description)


def recall_curves(retrieval: Mapping[str, Mapping[str, Any]]) -> Plot | None:
    """Recall of each source and of the pool over the length of the list; None without sources."""
    curves = {
        source: [figures[f"recall@{k}"]["mean"] for k in CUTOFFS]
        for source, figures in retrieval.items()
        if figures[f"recall@{CUTOFFS[-1]}"]["mean"] is not None
    }

    def draw(axes: Axes, narrow: bool) -> None:
        order = sorted(curves, key=lambda source: (source != POOL, -curves[source][-1], source))
        for at, source in enumerate(order):
            pool = source == POOL
            axes.plot(
                CUTOFFS, curves[source], label="all sources, fused" if pool else _short(source, 30),
                color=INK if pool else COLOURS[(at - 1) % len(COLOURS)], linewidth=2.6 if pool else 1.5,
                linestyle=_DASHES[0 if pool else (at - 1) // len(COLOURS) % len(_DASHES)],
                marker="o" if pool else _MARKERS[at % len(_MARKERS)], markersize=5,
            )  # fmt: skip
        axes.set_xscale("log")
        axes.set_xticks(CUTOFFS, [str(k) for k in CUTOFFS])
        axes.minorticks_off()
        axes.set_ylim(bottom=0)
        axes.locator_params(axis="y", nbins=5)
        axes.set_xlabel("first k candidates")
        if narrow:
            axes.legend(loc="upper left", bbox_to_anchor=(0, -0.24))
        else:
            axes.set_ylabel("recall")
            axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))

    if not curves:
        return None
    ends = ", ".join(f"{source} {values[-1]:.3f}" for source, values in curves.items())
    legend = 0.19 * len(curves)  # stands beside the wide drawing, below the narrow one
    description = f"Recall over the first k candidates; at {CUTOFFS[-1]}: {ends}"
    return _plot(draw, max(3.6, 0.6 + legend), description, narrow_height=2.6 + legend)


def group_dots(runs: Mapping[str, Mapping[str, Mapping[str, Any]]], metric: str) -> Plot | None:
    """Means with intervals by group, the first run as dots, a second as squares; None without any.

    Parameters
    ----------
    runs : mapping of run to mapping of label to {"mean", "low", "high", "n"}
    metric : str
        Name of the axis.
    """
    sizes = {label: figures["n"] for groups in runs.values() for label, figures in groups.items()}
    labels = list(sizes)

    def draw(axes: Axes, narrow: bool) -> None:
        for at, groups in enumerate(runs.values()):
            colour = COLOURS[0] if at == 0 else QUIET
            shift = (at - (len(runs) - 1) / 2) * 0.26
            for label, figures in groups.items():
                _whisker(axes, figures, labels.index(label) + shift, colour, _MARKERS[at], hollow=at > 0)
        axes.set_xlim(left=0)
        _label_rows(axes, [f"{_short(label, 20)}  ({n:,})" for label, n in sizes.items()], narrow)
        axes.set_xlabel(metric)

    if not labels:
        return None
    description = f"{metric} by group: " + ", ".join(f"{label} ({n:,} users)" for label, n in sizes.items())
    return _plot(draw, 0.7 + 0.36 * len(labels), description, wide="half")


def _whisker(
    axes: Axes, figures: Mapping[str, Any], y: float, colour: str, marker: str, *, hollow: bool
) -> None:
    if figures["low"] is not None:
        axes.plot(
            [figures["low"], figures["high"]], [y, y], color=colour, linewidth=1.8, solid_capstyle="round"
        )
    face = "white" if hollow else colour
    axes.plot([figures["mean"]], [y], marker, color=colour, markerfacecolor=face, markersize=6)


def _label_rows(axes: Axes, labels: Sequence[str], narrow: bool) -> None:
    axes.set_yticks(range(len(labels)), [_short(label, 22 if narrow else 34) for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=4 if narrow else 7)


def _short(label: str, length: int) -> str:
    return label if len(label) <= length else label[: length - 1] + "…"


def _plot(
    draw: Callable[[Axes, bool], None],
    height: float,
    description: str,
    *,
    narrow_height: float | None = None,
    wide: str = "wide",
) -> Plot:
    return Plot(
        wide=_drawing(draw, _WIDTHS_INCHES[wide], height, narrow=False),
        narrow=_drawing(draw, _WIDTHS_INCHES["narrow"], narrow_height or height, narrow=True),
        description=description,
    )


def _drawing(draw: Callable[[Axes, bool], None], width: float, height: float, *, narrow: bool) -> str:
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the reader's font may well have it
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.add_subplot()
        draw(axes, narrow)
        figure.draw_without_rendering()  # the layout may change the ticks, and their width the layout
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    printable = "".join(c for c in buffer.getvalue() if c in "\n\t" or c.isprintable())
    svg = printable.replace("'DejaVu Sans'", _FONTS)
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()
