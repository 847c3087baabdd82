"""Kernels of the choice model: draw a choice in O(log n_items), or spell out all its probabilities.

Both read the same arrays and share `due_now`, so that what is drawn and what is spelt out is one model.
"""

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from dataset.interactions import SECONDS_PER_DAY
from dataset.shop.catalogue import N_TIERS
from dataset.shop.components import Components
from dataset.shop.mixtures import AT_BASE, AT_FASHION, AT_ROUTINE, N_OWN, Mixtures

MEMORY: Final = 32  # purchases that a user remembers: bounds the cost of habit
OWNED_AGAIN: Final = 0.12  # how willingly a remembered product is chosen again for other reasons than habit
DUE_FROM, DUE_TO = 0.6, 2.2  # replenishment intervals between which a product is due; most at 1


class Shelf(NamedTuple):
    """The shop in one epoch: `Components`, their summed weights, and how users go on from there.

    `cumulative` float64 (e,), `heat` float64 (n_trends,); `heat_sum` and `transition_sums` are running
    sums along the last axis; `replenish` is in seconds.
    """

    offsets: npt.NDArray[np.int64]
    item: npt.NDArray[np.int32]
    cumulative: npt.NDArray[np.float64]
    category: npt.NDArray[np.int32]
    avoidable: npt.NDArray[np.uint64]
    heat: npt.NDArray[np.float64]
    heat_sum: npt.NDArray[np.float64]
    transitions: npt.NDArray[np.float64]
    transition_sums: npt.NDArray[np.float64]
    replenish: npt.NDArray[np.float64]
    fashion: int
    routine: int
    base: int


class People(NamedTuple):
    """The arrays of `Mixtures` that belong to users."""

    components: npt.NDArray[np.int32]
    weights: npt.NDArray[np.float32]
    tier: npt.NDArray[np.int32]
    habit: npt.NDArray[np.float32]
    avoids: npt.NDArray[np.uint64]


class Purchases(NamedTuple):
    """Purchases sorted by (user, time), times strictly rising within a user; offsets by user."""

    offsets: npt.NDArray[np.int64]
    item: npt.NDArray[np.int32]
    time: npt.NDArray[np.int64]


def shelf_of(components: Components, mixtures: Mixtures, epoch: int) -> Shelf:
    """The shop in one epoch; cost O(e), memory 8 bytes an entry."""
    heat = components.heat[epoch]
    return Shelf(
        offsets=components.offsets,
        item=components.item,
        cumulative=components.cumulated(epoch),
        category=components.category,
        avoidable=components.avoidable,
        heat=heat,
        heat_sum=np.cumsum(heat),
        transitions=mixtures.transitions,
        transition_sums=np.cumsum(mixtures.transitions, axis=1),
        replenish=mixtures.replenish_days * SECONDS_PER_DAY,
        fashion=components.fashion,
        routine=components.routine,
        base=components.base,
    )


def people_of(mixtures: Mixtures) -> People:
    """The users' arrays as the kernels take them."""
    return People(
        components=mixtures.components,
        weights=mixtures.weights,
        tier=mixtures.tier,
        habit=mixtures.habit,
        avoids=mixtures.avoids,
    )


@numba.njit(nogil=True, cache=True)
def _newest(purchases, at, last):  # type: ignore[no-untyped-def]
    """Whether purchase `at` is the newest of its item among those before `last`."""
    for later in range(at + 1, last):  # noqa: SIM110  (numba knows no all())
        if purchases.item[later] == purchases.item[at]:
            return False
    return True


@numba.njit(nogil=True, cache=True)
def due_now(shelf, purchases, first, last, time, due):  # type: ignore[no-untyped-def]
    """How due each remembered purchase `first:last` is at `time`, into `due`; return the sum.

    0 until `DUE_FROM` intervals of its category, rising to 1 at one interval, falling to 0 at `DUE_TO`.
    """
    total = 0.0
    for at in range(first, last):
        x = (time - purchases.time[at]) / shelf.replenish[shelf.category[purchases.item[at]]]
        due[at - first] = 0.0
        if DUE_FROM < x < DUE_TO and _newest(purchases, at, last):
            value = (x - DUE_FROM) / (1 - DUE_FROM) if x < 1 else (DUE_TO - x) / (DUE_TO - 1)
            due[at - first] = value
            total += value
    return total


@numba.njit(nogil=True, cache=True)
def _place(sums, first, last, target):  # type: ignore[no-untyped-def]
    """First place in `first:last` whose running sum exceeds `target`; `last` if there is none."""
    while first < last:
        middle = (first + last) // 2
        if sums[middle] > target:
            last = middle
        else:
            first = middle + 1
    return first


@numba.njit(nogil=True, cache=True)
def _draw_component(shelf, people, user, last_category, rng):  # type: ignore[no-untyped-def]
    slot, target = 0, rng.random() - people.weights[user, 0]
    while slot < AT_BASE and target >= 0:
        slot += 1
        target -= people.weights[user, slot]
    if slot < N_OWN:
        return people.components[user, slot]
    if slot == AT_FASHION:
        sums_of_heat = shelf.heat_sum
        n = len(sums_of_heat)
        return shelf.fashion + min(_place(sums_of_heat, 0, n, rng.random() * sums_of_heat[-1]), n - 1)
    if slot == AT_ROUTINE:
        sums_of_next = shelf.transition_sums[last_category]
        n = len(sums_of_next)
        following = min(_place(sums_of_next, 0, n, rng.random() * sums_of_next[-1]), n - 1)
        return shelf.routine + following * N_TIERS + people.tier[user]
    return shelf.base


@numba.njit(nogil=True, cache=True)
def draw(shelf, people, purchases, user, last, habit, due, due_sum, rng):  # type: ignore[no-untyped-def]
    """One choice of `user`, who remembers the purchases before `last`; by rejection, exact.

    `habit` is the probability of a repurchase of what is due; 0 for browsing.
    """
    first = max(purchases.offsets[user], last - MEMORY)
    last_category = len(shelf.replenish)
    if last > first:
        last_category = shelf.category[purchases.item[last - 1]]
    while True:
        if habit > 0 and rng.random() < habit:
            target, at = rng.random() * due_sum, 0
            while at < last - first - 1 and target >= due[at]:
                target -= due[at]
                at += 1
            if due[at] > 0:
                return purchases.item[first + at]
            continue
        component = _draw_component(shelf, people, user, last_category, rng)
        begin, end = shelf.offsets[component], shelf.offsets[component + 1]
        if begin == end or shelf.cumulative[end - 1] <= 0:
            continue
        at = _place(shelf.cumulative, begin, end, rng.random() * shelf.cumulative[end - 1])
        if at == end:
            continue
        item = shelf.item[at]
        if shelf.avoidable[item] & people.avoids[user]:
            continue
        owned = False
        for past in range(first, last):
            if purchases.item[past] == item:
                owned = True
                break
        if not owned or rng.random() < OWNED_AGAIN:
            return item


@numba.njit(nogil=True, cache=True)
def draw_epoch(shelf, people, purchases, rows, user, seen_offsets, seen, rng):  # type: ignore[no-untyped-def]
    """Draw the purchases at `rows` and what else was looked at meanwhile, in place.

    Parameters
    ----------
    purchases : Purchases
        `item` is filled at `rows`, which ascend, so that a user's earlier purchases stand when needed.
    rows : int64 array
    user : int32 array, a row a purchase
    seen_offsets : int64 array of shape (n_purchases + 1,)
    seen : int32 array
        Items looked at before purchase p are filled into `seen_offsets[p]:seen_offsets[p + 1]`.
    """
    due = np.zeros(MEMORY)
    for row in rows:
        who = user[row]
        first = max(purchases.offsets[who], row - MEMORY)
        due_sum = due_now(shelf, purchases, first, row, purchases.time[row], due)
        habit = people.habit[who] * due_sum / (due_sum + 1)
        purchases.item[row] = draw(shelf, people, purchases, who, row, habit, due, due_sum, rng)
        for at in range(seen_offsets[row], seen_offsets[row + 1]):
            seen[at] = draw(shelf, people, purchases, who, row, 0.0, due, due_sum, rng)


@numba.njit(nogil=True, cache=True)
def _add(shelf, component, weight, row):  # type: ignore[no-untyped-def]
    begin, end = shelf.offsets[component], shelf.offsets[component + 1]
    if begin == end or shelf.cumulative[end - 1] <= 0 or weight <= 0:
        return
    scale, before = weight / shelf.cumulative[end - 1], 0.0
    for at in range(begin, end):
        row[shelf.item[at]] += scale * (shelf.cumulative[at] - before)
        before = shelf.cumulative[at]


@numba.njit(nogil=True, cache=True)
def spell_out(shelf, people, purchases, user, time, row):  # type: ignore[no-untyped-def]
    """Probability of each item as the next purchase of `user` at `time`, into float64 `row`."""
    start = purchases.offsets[user]
    last = _place(purchases.time, start, purchases.offsets[user + 1], time - 1)
    first = max(start, last - MEMORY)
    row[:] = 0.0
    for slot in range(N_OWN):
        _add(shelf, people.components[user, slot], people.weights[user, slot], row)
    for trend in range(len(shelf.heat)):
        _add(shelf, shelf.fashion + trend, people.weights[user, AT_FASHION] * shelf.heat[trend], row)
    last_category = len(shelf.replenish) if last == first else shelf.category[purchases.item[last - 1]]
    for following in range(len(shelf.replenish)):
        weight = people.weights[user, AT_ROUTINE] * shelf.transitions[last_category, following]
        _add(shelf, shelf.routine + following * N_TIERS + people.tier[user], weight, row)
    _add(shelf, shelf.base, people.weights[user, AT_BASE], row)
    for item in range(len(row)):
        if shelf.avoidable[item] & people.avoids[user]:
            row[item] = 0.0
    due = np.zeros(MEMORY)
    due_sum = due_now(shelf, purchases, first, last, time, due)
    habit = people.habit[user] * due_sum / (due_sum + 1)
    row *= 1 - habit
    for at in range(first, last):
        if _newest(purchases, at, last):
            row[purchases.item[at]] *= OWNED_AGAIN
    for at in range(first, last):
        if due[at - first] > 0:
            row[purchases.item[at]] += habit * due[at - first] / due_sum
    row /= row.sum()
