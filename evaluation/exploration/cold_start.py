"""How much of each month a model made on its first day could not know."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from evaluation.exploration.material import Material
from evaluation.exploration.wording import percent

_SETTLED: Final = 6  # months at the beginning, in which everything is new


def cold_start(material: Material) -> dict[str, Any] | None:
    """Transactions of each month by users, and on items, that had no event before it; None without a clock.

    Returns
    -------
    mapping
        `months`; `transactions`, of each; `new_user`, `new_item`, `both`: share of the month's transactions
        by a user without any event in an earlier month, on an item without one (launch dates are not
        asked), and both; None in a month without transactions. `later`: the three shares over all months
        from the seventh on, since at the beginning of a log everything is new; over all in a shorter log.
    """
    timeline, dataset = material.timeline, material.dataset
    if timeline.is_nominal:
        return None
    events, chosen = material.events, material.is_transaction
    n_months = len(timeline.months)
    month = timeline.month[chosen]
    user = events.user[chosen]
    item = events.item[chosen]
    new_user = _first(events.user, timeline.month, len(dataset.users), n_months)[user] == month
    new_item = _first(events.item, timeline.month, len(dataset.items), n_months)[item] == month
    total = np.bincount(month, minlength=n_months)
    counts = {
        name: np.bincount(month, weights=flag, minlength=n_months)
        for name, flag in (("new_user", new_user), ("new_item", new_item), ("both", new_user & new_item))
    }
    start = _SETTLED if n_months > _SETTLED and total[_SETTLED:].any() else 0
    shares = {
        name: [float(c / t) if t else None for c, t in zip(count, total, strict=True)]
        for name, count in counts.items()
    }
    later = {name: float(count[start:].sum() / total[start:].sum()) for name, count in counts.items()}
    reading = (
        f"From {timeline.months[start]} on, {percent(later['new_user'], 0)} of the transactions were made "
        "by users of whom a model made at the beginning of the month knew nothing, and "
        f"{percent(later['new_item'], 0)} were on such items."
    )
    found = {"months": list(timeline.months), "transactions": total.tolist(), **shares}
    return {**found, "later": {"from": timeline.months[start], **later}, "reading": reading}


def _first(
    unit: npt.NDArray[np.int32], month: npt.NDArray[np.int32], n: int, n_months: int
) -> npt.NDArray[np.int32]:
    """Month of the first event of each unit; `n_months` for those without one."""
    first = np.full(n, n_months, np.int32)
    np.minimum.at(first, unit, month)
    return first
