"""Which of the things that a model learns from change from month to month."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataset.interactions import KINDS
from dataset.ragged import Categorical
from evaluation.exploration.divergence import jensen_shannon, population_stability, stability_by_chance
from evaluation.exploration.material import Material, cross_counts, distinct_pairs, frequent

PARTS: Final = 20  # labels kept of each thing, beside all others
ITEMS: Final = 100
BANDS: Final = 10
LEAST: Final = 100  # transactions in a month and in those before it, to be compared at all
STABLE: Final = 0.1
SHIFTED: Final = 0.25


def drift(material: Material, trailing_months: int = 3) -> dict[str, Any] | None:
    """Each month's distribution of several things against that of the months before it; None without a clock.

    Parameters
    ----------
    material : Material
    trailing_months : int
        How many months before, taken together, a month is compared with. Changes results.

    Returns
    -------
    mapping
        `months`; `trailing_months`; `things`: name to `psi`, `js` (see `evaluation.exploration.divergence`)
        and `by_chance` (the PSI that would be exceeded once in a thousand times if nothing changed, users as
        the units), a figure for each month, None where it or the months before it have fewer than 100
        transactions; `shifted`: months whose PSI lies above .25 and above chance; `compared`: how many months
        could be; `median_psi`, `largest_psi`, `largest_js` over these. Things are looked at over
        transactions, the kind over all events; the twenty most frequent labels over the whole log (a hundred
        items) and all others together; prices and ages by decile.
    """
    timeline = material.timeline
    if timeline.is_nominal or len(timeline.months) < 2:
        return None
    things = {
        name: _compared(material, rows, labels, trailing_months) for name, rows, labels in _things(material)
    }
    things = {name: figures for name, figures in things.items() if figures["compared"]}
    if not things:
        return None
    return {
        "months": list(timeline.months),
        "trailing_months": trailing_months,
        "things": things,
        "reading": _reading(things, timeline.months),
    }


def _things(material: Material) -> Iterator[tuple[str, npt.NDArray[np.int64], Categorical]]:
    """Name, rows of the log, and the label of each of these rows; only what varies."""
    events, dataset, items = material.events, material.dataset, material.dataset.items
    everything = np.arange(len(events))
    rows = np.flatnonzero(material.is_transaction)
    item, user = events.item[rows], events.user[rows]
    bought = np.bincount(item, minlength=len(items))
    if len(np.unique(events.kind)) > 1:
        yield "kind of event", everything, Categorical(events.kind.astype(np.int32), KINDS)
    itself = Categorical(np.arange(len(items), dtype=np.int32), dataset.item_ids.ids)
    for name, labels, n in (
        ("item", itself, ITEMS),
        ("category", material.category, PARTS),
        ("brand", items.brand, PARTS),
    ):
        kept = frequent(labels, bought, n)
        if len(kept.names) > 1:
            yield name, rows, Categorical(kept.codes[item], kept.names)
    for name, values in (("price", items.price[item]), ("rating", events.value[rows])):
        if np.isfinite(values).any():
            yield name, rows, _bands(values)
    for name, number in dataset.users.numeric.items():
        yield f"{name} of user", rows, _bands(number[user])
    for name, labels in dataset.users.categorical.items():
        if name not in events.stated:
            kept = frequent(labels, np.bincount(user, minlength=len(dataset.users)), PARTS)
            yield f"{name} of user", rows, Categorical(kept.codes[user], kept.names)
    for name, labels in events.stated.items():
        own = labels.take(rows)
        yield f"{name} of user", rows, frequent(own, np.ones(len(rows), np.int64), PARTS)


def _bands(values: npt.NDArray[np.float32]) -> Categorical:
    known = values[~np.isnan(values)]
    limits = np.unique(np.quantile(known, np.arange(1, BANDS) / BANDS)) if len(known) else np.zeros(0)
    codes = np.where(np.isnan(values), -1, np.searchsorted(limits, values, side="left"))
    return Categorical(codes.astype(np.int32), tuple(str(band) for band in range(len(limits) + 1)))


def _compared(
    material: Material, rows: npt.NDArray[np.int64], labels: Categorical, trailing: int
) -> dict[str, Any]:
    timeline = material.timeline
    n_months = len(timeline.months)
    month = timeline.month[rows]
    counts = cross_counts(month, labels.codes, (n_months, len(labels.names))).astype(np.float64)
    active, _ = distinct_pairs(month, material.events.user[rows], len(material.dataset.users))
    users = np.bincount(active, minlength=n_months)
    then, users_then = _trailing(counts, trailing), _trailing(users[:, None], trailing)[:, 0]
    enough = (counts.sum(axis=1) >= LEAST) & (then.sum(axis=1) >= LEAST)
    psi = np.where(enough, population_stability(counts, then), np.nan)
    by_chance = np.where(enough, stability_by_chance(counts, then, users, users_then), np.nan)
    shifted = enough & (psi > np.maximum(SHIFTED, by_chance))
    js = np.where(enough, jensen_shannon(counts, then), np.nan)
    return {
        "psi": _listed(psi),
        "js": _listed(js),
        "by_chance": _listed(by_chance),
        "shifted": [timeline.months[at] for at in np.flatnonzero(shifted)],
        "compared": int(enough.sum()),
        "median_psi": float(np.nanmedian(psi)) if enough.any() else None,
        "largest_psi": float(np.nanmax(psi)) if enough.any() else None,
        "largest_js": float(np.nanmax(js)) if enough.any() else None,
    }


def _trailing(counts: npt.NDArray[Any], n: int) -> npt.NDArray[Any]:
    """Sum over the `n` rows before each row."""
    running = np.concatenate([np.zeros((1, counts.shape[1]), counts.dtype), np.cumsum(counts, axis=0)])
    at = np.arange(len(counts))
    return np.asarray(running[at] - running[np.maximum(at - n, 0)])


def _listed(values: npt.NDArray[np.float64]) -> list[float | None]:
    return [float(value) if np.isfinite(value) else None for value in values]


def _reading(things: Mapping[str, Mapping[str, Any]], months: tuple[str, ...]) -> str:
    restless = sorted((n for n in things if things[n]["shifted"]), key=lambda n: -len(things[n]["shifted"]))
    if not restless:
        return (
            "Nothing that was looked at moved from one month to the next by more than custom calls a shift."
        )
    first = things[restless[0]]
    said = ", ".join(f"{name} ({len(things[name]['shifted'])})" for name in restless)
    return (
        f"Months in which something shifted (PSI above {SHIFTED} and more than chance): {said}, of up to "
        f"{first['compared']} months compared. Popularity, prices and groups that a model learns from one "
        "such month hold for the next only in part."
    )
