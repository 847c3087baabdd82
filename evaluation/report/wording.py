"""How values are written: figures, times, names; for HTML and for Markdown alike."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from markupsafe import Markup, escape

LABELS: Final = {
    "ndcg": "nDCG", "recall": "Recall", "precision": "Precision", "mrr": "MRR", "map": "MAP",
    "hit_rate": "Hit rate", "coverage": "Coverage", "novelty": "Novelty", "diversity": "Diversity",
}  # fmt: skip


def figure(value: float | None, digits: int = 4) -> str:
    """A figure with its decimals, a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def duration(value: float) -> str:
    """Seconds, in the unit that one would say."""
    if value < 60:
        return f"{value:.1f} s" if value >= 0.05 else f"{value * 1000:.0f} ms"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"


def memory(megabytes: float) -> str:
    """Megabytes, or gigabytes where there are many."""
    return f"{megabytes:,.0f} MB" if megabytes < 1000 else f"{megabytes / 1024:,.2f} GB"


def breakable(name: object) -> Markup:
    """A long name that may break after its underscores and full stops."""
    return Markup(str(escape(str(name))).replace("_", "_<wbr>").replace(".", ".<wbr>"))


def fact(value: Any) -> str:
    """Any plain value in a line: thousands separated, lists with commas."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {fact(entry)}" for key, entry in value.items())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(fact(entry) for entry in value)
    return str(value)


def metric_label(name: str) -> str:
    """How a key of `metrics.json` is written: "nDCG@10"."""
    key, _, cut = name.partition("@")
    label = LABELS.get(key, key)
    unit = ", bits" if key == "novelty" else ""
    return f"{label}@{cut}{unit}" if cut else label + unit


def as_markdown(text: object) -> str:
    """Text that Markdown shows as it is, in one line."""
    return re.sub(r"([\\|*<>\[\]`])", r"\\\1", " ".join(str(text).split()))


FILTERS: Final[Mapping[str, Callable[..., str]]] = {
    "figure": figure, "seconds": duration, "memory": memory, "breakable": breakable, "fact": fact,
    "metric": metric_label, "plain": as_markdown,
}  # fmt: skip
"""What templates call these by."""
