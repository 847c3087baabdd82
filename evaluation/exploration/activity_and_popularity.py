"""How unevenly events are shared out: among users, and among items."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from evaluation.exploration.material import Material, distinct_pairs, spread
from evaluation.exploration.wording import number, percent

POINTS: Final = 100  # of a Lorenz curve
TOPS: Final = (0.01, 0.1, 0.2)


def activity_and_popularity(material: Material) -> dict[str, Any]:
    """Transactions of each user and buyers of each item: spread, Lorenz curve, Gini coefficient.

    Returns
    -------
    mapping
        `users`: `concentration` of the number of transactions of each user who has one; `items`: of the
        number of distinct users with a transaction on each item that has one. `users_without`,
        `items_without`: share of all users and items of the tables that have none.
    """
    events, chosen = material.events, material.is_transaction
    n_users, n_items = len(material.dataset.users), len(material.dataset.items)
    activity = np.bincount(events.user[chosen], minlength=n_users)
    _, bought = distinct_pairs(events.user[chosen], events.item[chosen], n_items)
    popularity = np.bincount(bought, minlength=n_items)
    found = {
        "users": concentration(activity[activity > 0]),
        "items": concentration(popularity[popularity > 0]),
        "users_without": float((activity == 0).mean()),
        "items_without": float((popularity == 0).mean()),
    }
    users, items = found["users"], found["items"]
    assert isinstance(users, dict)
    assert isinstance(items, dict)
    reading = (
        f"The median of the transactions of a user is {users['spread']['median']:,.0f}; "
        f"{percent(users['share_with_one'], 0)} have a single one. A tenth of the items takes "
        f"{percent(items['top']['10 %'], 0)} of all buyers (Gini {number(items['gini'], '.2f')}); "
        f"{percent(items['share_with_one'], 0)} of the items have one buyer, from which little can be learnt."
    )
    return {**found, "reading": reading}


def concentration(counts: npt.NDArray[np.integer]) -> dict[str, Any]:
    """How unevenly counts of at least 1 are spread over n units.

    Returns
    -------
    mapping
        `n`, `total`; `spread`, see `evaluation.exploration.material.spread`; `share_with_one`, units with a
        count of 1; `gini`, the sum of (2 j - n - 1) c_j over the ascending counts, divided by (n - 1) x their
        sum: 0 if all are equal, 1 if one has all, None below two units; `lorenz`, the share of the total that
        the smallest units hold, at each hundredth of the units; `top`, the share that the largest 1, 10 and
        20 % hold (rounded up to whole units); `histogram`, units by count in bins 1, 2, 3-4, 5-8 and so on.

    References
    ----------
    Gini coefficient as of `evaluation.metrics.gini` (Shani, Gunawardana 2011).
    """
    counts = np.sort(counts)
    n, total = len(counts), int(counts.sum())
    running = np.concatenate([[0], np.cumsum(counts)])
    place = 2 * np.arange(1, n + 1) - n - 1
    at = np.linspace(0, n, POINTS + 1)
    return {
        "n": n,
        "total": total,
        "spread": spread(counts),
        "share_with_one": float((counts == 1).mean()) if n else None,
        "gini": int((place * counts).sum()) / ((n - 1) * total) if n > 1 else None,
        "lorenz": np.interp(at, np.arange(n + 1), running / max(total, 1)).tolist(),
        "top": {f"{100 * share:g} %": _top(running, share) for share in TOPS},
        "histogram": doubling_histogram(counts),
    }


def doubling_histogram(counts: npt.NDArray[np.integer]) -> dict[str, int]:
    """Counts of at least 1 in bins 1, 2, 3-4, 5-8 ...: label to how many fall there.

    Examples
    --------
    >>> doubling_histogram(np.array([1, 1, 2, 3, 4, 9]))
    {'1': 2, '2': 1, '3–4': 2, '5–8': 0, '9–16': 1}
    """
    largest = int(counts.max(initial=1))
    ends = [1]
    while ends[-1] < largest:
        ends.append(2 * ends[-1])
    held = np.bincount(np.searchsorted(ends, counts), minlength=len(ends))
    starts = [1, *(end + 1 for end in ends[:-1])]
    labels = [
        str(end) if start == end else f"{start:,}–{end:,}" for start, end in zip(starts, ends, strict=True)
    ]
    return dict(zip(labels, held.tolist(), strict=True))


def _top(running: npt.NDArray[np.int64], share: float) -> float:
    """Share of the total that the largest units hold."""
    n = len(running) - 1
    return float(1 - running[n - int(np.ceil(share * n))] / max(running[-1], 1))
