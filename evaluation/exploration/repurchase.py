"""When users come back, and when they buy the same again."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataset.interactions import SECONDS_PER_DAY
from dataset.ragged import Categorical
from evaluation.exploration.activity_and_popularity import doubling_histogram
from evaluation.exploration.material import Material, frequent, spread
from evaluation.exploration.survival import Durations, Returns, returns
from evaluation.exploration.wording import percent

HORIZONS: Final = (30, 90, 180, 365)
CATEGORIES: Final = 12
LEAST_AT_RISK: Final = 20  # intervals still open: a curve is drawn no further, a category not shown
POINTS: Final = 80


def repurchase(material: Material) -> dict[str, Any]:
    """Days between purchases, and how many buy the same product or category again, and how soon.

    Purchases are the transactions of that kind, or all of them in a log without it, such as one of reviews.

    Returns
    -------
    mapping
        `repeats`: share of the purchases whose user had already got the item (an earlier row of the pair).
        `gaps`: days between successive days on which a user made a purchase: `n`, `spread` and
        `histogram`; only gaps that ended, so long ones are under-represented. `item`, `category`: by
        category, and "all", what became of each purchase: `n` (a user's pair and day counted once),
        `within`: days to {"share", "low", "high"} of users who got the same product (anything of the same
        category) again, and `median`: days until half of them had, None if that was not seen; see
        `evaluation.exploration.survival.returns`; "all" has a `curve` of `days` and `share` as long as at
        least 20 intervals are open. None where the clock is nominal, but for `repeats`.
    """
    events, chosen = material.events, material.is_purchase
    user, item = events.user[chosen], events.item[chosen]
    pair = np.sort(user.astype(np.int64) * len(material.dataset.items) + item)
    repeats = float((pair[1:] == pair[:-1]).sum() / len(pair))
    del pair
    found: dict[str, Any] = {"repeats": repeats, "gaps": None, "item": None, "category": None}
    if not material.timeline.is_nominal:
        day = (events.time[chosen] // SECONDS_PER_DAY).astype(np.int32)
        counts = np.bincount(item, minlength=len(material.dataset.items))
        groups = frequent(material.category, counts, CATEGORIES)
        last_day = material.timeline.last // SECONDS_PER_DAY
        of_item = Durations.between(user, item, day, groups.codes, last_day)
        found["item"] = _again(of_item, groups)
        category = groups.codes[item]
        known = category >= 0
        names = np.arange(len(groups.names), dtype=np.int32)
        of_category = Durations.between(user[known], category[known], day[known], names, last_day)
        found["category"] = _again(of_category, groups)
        found["gaps"] = _gaps(user, day)
    return {**found, "reading": _reading(found)}


def _gaps(user: npt.NDArray[np.int32], day: npt.NDArray[np.int32]) -> dict[str, Any]:
    """Days between a user's successive days; rows are in the order of users and times."""
    step = np.diff(day.astype(np.int64))
    gaps = step[(user[1:] == user[:-1]) & (step > 0)]
    histogram = doubling_histogram(gaps) if len(gaps) else {}
    return {"n": len(gaps), "spread": spread(gaps), "histogram": histogram}


def _again(durations: Durations, groups: Categorical) -> dict[str, Any]:
    together = Durations(durations.days, durations.ended, durations.user, np.zeros_like(durations.group))
    overall, by_group = returns(together, 1, HORIZONS), returns(durations, len(groups.names), HORIZONS)
    found = {"all": {**_figures(overall, 0), "curve": _curve(overall)}}
    for at, name in enumerate(groups.names):
        found[name] = _figures(by_group, at)
    return {
        name: figures for name, figures in found.items() if name == "all" or figures["n"] >= LEAST_AT_RISK
    }


def _figures(estimated: Returns, at: int) -> dict[str, Any]:
    share = estimated.share[at]
    half = np.flatnonzero(share >= 0.5)
    # Once nobody is at risk any more, the estimate is a guess.
    watched = int(np.count_nonzero(estimated.at_risk[at]))
    within = {
        str(days): {
            "share": float(share[days - 1]),
            "low": float(estimated.low[at, column]),
            "high": float(estimated.high[at, column]),
        }
        if days <= watched
        else dict.fromkeys(("share", "low", "high"))
        for column, days in enumerate(HORIZONS)
    }
    n = int(estimated.at_risk[at, 0])
    return {"n": n, "within": within, "median": int(half[0]) + 1 if len(half) else None}


def _curve(estimated: Returns) -> dict[str, list[Any]]:
    watched = int(np.count_nonzero(estimated.at_risk[0] >= min(LEAST_AT_RISK, estimated.at_risk[0, 0])))
    days = np.unique(np.geomspace(1, max(watched, 1), POINTS).round().astype(np.int64))
    return {"days": days.tolist(), "share": estimated.share[0, days - 1].tolist()}


def _reading(found: Mapping[str, Any]) -> str:
    said = f"{percent(found['repeats'])} of the purchases are of an item that the user had already got. "
    if found["repeats"] >= 0.1:
        said += (
            "They are left out of truth and lists unless split.repurchase=true: decide whether a reminder is "
            "what the shop wants to recommend."
        )
    else:
        said += "Leaving them out of truth and lists, as by default, loses little."
    if found["gaps"] and found["gaps"]["n"]:
        said += (
            " Of the gaps between a user's successive days with a purchase, half are of at most "
            f"{found['gaps']['spread']['median']:,.0f} days."
        )
    return said
