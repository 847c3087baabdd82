"""What is bought together."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from dataset.interactions import SECONDS_PER_DAY
from dataset.ragged import distinct
from evaluation.exploration.activity_and_popularity import doubling_histogram
from evaluation.exploration.material import Material, frequent, spread
from evaluation.exploration.wording import percent

CATEGORIES: Final = 30
PAIRS: Final = 15
LEAST: Final = 20  # baskets that hold both, of a pair that is listed
_Z: Final = 1.959964


def baskets(material: Material) -> dict[str, Any] | None:
    """Baskets, the distinct items that a user bought on one UTC day; None without a clock.

    Purchases are the transactions of that kind, or all of them in a log without it.

    Returns
    -------
    mapping
        `n`; `spread` of the number of items; `histogram`; `share_with_several`, baskets of two items or more;
        `categories`, mean number of distinct categories in a basket of several; `pairs`: of the pairs of
        categories that at least 20 baskets hold together, the 15 with the highest lift: `categories`, `n`
        (baskets that hold both), `lift` (how many times as often as if they were independent, n N / (n_a n_b)
        over the N baskets of several items) with its 95 % interval, from the standard error of its logarithm,
        1/n - 1/n_a - 1/n_b + (2 lift - 1)/N under the root, baskets as the units.

    References
    ----------
    Agresti, "Categorical data analysis", 3rd edition, 2013, section 16.1 (the delta method for multinomial
    counts, by which the standard error was derived).
    """
    if material.timeline.is_nominal:
        return None
    events, chosen = material.events, material.is_purchase
    n_items = len(material.dataset.items)
    user, item, day = events.user[chosen], events.item[chosen], events.time[chosen] // SECONDS_PER_DAY
    starts = np.ones(len(user), bool)
    starts[1:] = (user[1:] != user[:-1]) | (day[1:] != day[:-1])
    basket = np.cumsum(starts, dtype=np.int64) - 1
    n = int(basket[-1]) + 1
    held = distinct(basket * n_items + item)
    basket, item = held // n_items, (held % n_items).astype(np.int32)
    size = np.bincount(basket, minlength=n)
    several = size > 1
    found = {
        "n": n,
        "spread": spread(size),
        "histogram": doubling_histogram(size),
        "share_with_several": float(several.mean()),
        **_together(material, basket[several[basket]], item[several[basket]]),
    }
    if not several.any():
        reading = "Nobody bought two items on one day: there is nothing to learn about baskets."
    else:
        reading = f"{percent(found['share_with_several'], 0)} of {n:,} baskets hold more than one item."
        sure = [pair for pair in found["pairs"] if pair["low"] > 1]
        if sure:
            first = sure[0]
            reading += (
                f" Most of all, {first['categories'][0]} and {first['categories'][1]} go together: "
                f"{first['lift']:.1f} times as often as by chance."
            )
        elif found["pairs"]:
            reading += " No two categories stand together more often than by chance."
    return {**found, "reading": reading}


def _together(
    material: Material, basket: npt.NDArray[np.int64], item: npt.NDArray[np.int32]
) -> dict[str, Any]:
    """Categories in baskets of several items, and their pairs."""
    counts = np.bincount(item, minlength=len(material.dataset.items))
    groups = frequent(material.category, counts, CATEGORIES)
    code = groups.codes[item]
    if not (code >= 0).any():
        return {"categories": None, "pairs": []}
    n_groups = len(groups.names)
    rows = np.unique(basket, return_inverse=True)[1]
    n = int(rows.max()) + 1
    cells = distinct(rows[code >= 0] * n_groups + code[code >= 0])
    ones = np.ones(len(cells), np.int64)
    matrix = sp.csr_matrix((ones, (cells // n_groups, cells % n_groups)), shape=(n, n_groups))
    both = np.asarray((matrix.T @ matrix).todense())
    alone = np.diag(both)
    pairs = [
        {"categories": [groups.names[a], groups.names[b]], **_lift(both[a, b], alone[a], alone[b], n)}
        for a, b in zip(*np.triu_indices(n_groups, 1), strict=True)
        if both[a, b] >= LEAST and "(other)" not in (groups.names[a], groups.names[b])
    ]
    pairs.sort(key=lambda pair: (-pair["lift"], pair["categories"]))
    return {"categories": float(len(cells) / n), "pairs": pairs[:PAIRS]}


def _lift(both: int, a: int, b: int, n: int) -> dict[str, Any]:
    lift = both * n / (a * b)
    error = np.sqrt(max(1 / both - 1 / a - 1 / b + (2 * lift - 1) / n, 0))
    low, high = (float(lift * np.exp(sign * _Z * error)) for sign in (-1, 1))
    return {"n": int(both), "lift": float(lift), "low": low, "high": high}
