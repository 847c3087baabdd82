"""What is not known: of items, of users, of events."""

from typing import Any

import numpy as np
import numpy.typing as npt

from dataset.items import UNKNOWN_TIME
from evaluation.exploration.material import Material
from evaluation.exploration.wording import percent


def missingness(material: Material) -> dict[str, Any]:
    """Share of rows in which each attribute is missing.

    Returns
    -------
    mapping
        `items`: attribute to `share`, of the items, and `of_transactions`, of the transactions that are on
        such an item: what is missing on items that nobody buys hurts little. `users`: attribute to `share`,
        of the users. `events`: what users stated with their events: `share`, of the events, and `never`, of
        the users with an event those who never stated it.
    """
    events, chosen = material.events, material.is_transaction
    bought = np.bincount(events.item[chosen], minlength=len(material.dataset.items))
    lacking = _items(material)
    items = {
        name: {
            "share": _mean(absent),
            "of_transactions": float(bought[absent].sum() / bought.sum()),
        }
        for name, absent in lacking.items()
    }
    users = {name: {"share": _mean(absent)} for name, absent in _users(material).items()}
    stated = {name: _stated(material, labels.codes) for name, labels in sorted(events.stated.items())}
    shares = {f"{name} of items": figures["share"] for name, figures in items.items()}
    shares |= {f"{name} of users": figures["share"] for name, figures in users.items()}
    shares |= {f"{name} of users": figures["never"] for name, figures in stated.items()}
    whole = [name for name, share in shares.items() if share == 1]
    worst = sorted((n for n in shares if 0 < shares[n] < 1), key=lambda name: -shares[name])
    reading = f"Nothing is known of: {', '.join(whole)}. " if whole else ""
    reading += (
        f"Of what is known at all, {worst[0]} is missing most often, in {percent(shares[worst[0]])}."
        if worst
        else "What is known at all is known of every row."
    )
    return {"items": items, "users": users, "events": stated, "reading": reading}


def _items(material: Material) -> dict[str, npt.NDArray[np.bool_]]:
    items = material.dataset.items
    return {
        "brand": items.brand.codes < 0,
        "category": items.category.codes < 0,
        "price": np.isnan(items.price),
        "ingredients": items.ingredients.lists.lengths == 0,
        "functions": items.functions.lists.lengths == 0,
        "launch date": items.launched == UNKNOWN_TIME,
    }


def _users(material: Material) -> dict[str, npt.NDArray[np.bool_]]:
    users = material.dataset.users
    lacking: dict[str, npt.NDArray[np.bool_]] = {
        name: np.isnan(values) for name, values in users.numeric.items()
    }
    lacking |= {
        name: labels.codes < 0
        for name, labels in users.categorical.items()
        if name not in material.events.stated
    }
    for name in ("concerns", "avoids"):
        lacking[name] = getattr(users, name).lists.lengths == 0
    return lacking


def _stated(material: Material, codes: npt.NDArray[np.int32]) -> dict[str, float]:
    """Of the events those without a statement, and of the users with an event those who never made one."""
    n_users = len(material.dataset.users)
    given = np.bincount(material.events.user, weights=codes >= 0, minlength=n_users)
    active = np.bincount(material.events.user, minlength=n_users) > 0
    return {"share": _mean(codes < 0), "never": _mean(given[active] == 0)}


def _mean(absent: npt.NDArray[np.bool_]) -> float:
    return float(absent.mean()) if len(absent) else 0.0
