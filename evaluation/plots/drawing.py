"""How plots are drawn, as SVG: deterministic, each in a wide and a narrow drawing.

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

# Okabe and Ito's colours, darkened to a contrast of 4.5 on white; told apart by marker and dash as well.
COLOURS: Final = ("#0b62a4", "#b34700", "#00775a", "#8c4a86", "#8a6100", "#3b3f8f", "#a3244a", "#4d6b1f")
INK: Final = "#1f2933"
QUIET: Final = "#66727f"
RULE: Final = "#d9dee3"
MARKERS: Final = "osD^vPX<"
DASHES: Final = ("-", "--", "-.", ":")
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


def whisker(
    axes: Axes, figures: Mapping[str, Any], y: float, colour: str, marker: str, *, hollow: bool
) -> None:
    """A mean at height `y` and, where there is one, its interval."""
    if figures["low"] is not None:
        axes.plot(
            [figures["low"], figures["high"]], [y, y], color=colour, linewidth=1.8, solid_capstyle="round"
        )
    face = "white" if hollow else colour
    axes.plot([figures["mean"]], [y], marker, color=colour, markerfacecolor=face, markersize=6)


def label_rows(axes: Axes, labels: Sequence[str], narrow: bool) -> None:
    """Rows from the top down, one a label; shorter ones in the narrow drawing."""
    axes.set_yticks(range(len(labels)), [short(label, 22 if narrow else 34) for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.locator_params(axis="x", nbins=4 if narrow else 7)


def short(label: str, length: int) -> str:
    """A label of at most `length` characters."""
    return label if len(label) <= length else label[: length - 1] + "…"


def plot(
    draw: Callable[[Axes, bool], None],
    height: float,
    description: str,
    *,
    narrow_height: float | None = None,
    wide: str = "wide",
) -> Plot:
    """Draw one plot twice.

    Parameters
    ----------
    draw : callable of (axes, narrow)
    height : float
        Inches.
    description : str
        As of `Plot`.
    narrow_height : float or None
        Inches of the narrow drawing; None: as the wide one.
    wide : str
        "wide" for the whole width of the page, "half" for two beside one another.
    """
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
