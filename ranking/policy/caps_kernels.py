"""Loops that cut lists under two caps; single-threaded, without the interpreter's lock.

Names shared by both: `items`: (m, k) item codes, best first, -1 behind the end; `brand`, `category`:
(n_items,) group of each item, -1 for none; `chosen`: (m, n) positions in a row of `items`, ascending, -1
behind the end.
"""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def cut_greedily(  # type: ignore[no-untyped-def]
    items, brand, category, max_a_brand, max_a_category, n_brands, n_categories, chosen
):
    """Fill `chosen` with the first positions that keep the caps; it comes in filled with -1."""
    of_brand = np.zeros(n_brands, np.int32)
    of_category = np.zeros(n_categories, np.int32)
    for row in range(len(items)):
        size = 0
        for at in range(items.shape[1]):
            item = items[row, at]
            if item < 0 or size == chosen.shape[1]:
                break
            b, c = brand[item], category[item]
            if b >= 0 and of_brand[b] == max_a_brand:
                continue
            if c >= 0 and of_category[c] == max_a_category:
                continue
            if b >= 0:
                of_brand[b] += 1
            if c >= 0:
                of_category[c] += 1
            chosen[row, size] = at
            size += 1
        for place in range(size):
            b, c = brand[items[row, chosen[row, place]]], category[items[row, chosen[row, place]]]
            if b >= 0:
                of_brand[b] = 0
            if c >= 0:
                of_category[c] = 0


@numba.njit(nogil=True, cache=True)
def exchange(  # type: ignore[no-untyped-def]
    items, brand, category, max_a_brand, max_a_category, n_brands, n_categories, chosen
):
    """Lengthen short rows of `chosen`, as greedy cutting left them, along augmenting paths.

    A breadth-first search goes from brands with room over an item not chosen to its category, and, where
    that is full, over a chosen item of it back to that item's brand, which then has room.
    """
    n = chosen.shape[1]
    for row in range(len(items)):
        size = 0
        while size < n and chosen[row, size] >= 0:
            size += 1
        if size == n:
            continue
        width = 0
        while width < items.shape[1] and items[row, width] >= 0:
            width += 1
        is_chosen = np.zeros(width, np.bool_)
        of_brand = np.zeros(n_brands, np.int32)
        of_category = np.zeros(n_categories, np.int32)
        for place in range(size):
            at = chosen[row, place]
            is_chosen[at] = True
            if brand[items[row, at]] >= 0:
                of_brand[brand[items[row, at]]] += 1
            if category[items[row, at]] >= 0:
                of_category[category[items[row, at]]] += 1
        while size < n and _augment(
            items[row, :width], brand, category, max_a_brand, max_a_category, is_chosen, of_brand, of_category
        ):
            size += 1
        place = 0
        for at in range(width):
            if is_chosen[at]:
                chosen[row, place] = at
                place += 1


@numba.njit(nogil=True, cache=True)
def _augment(  # type: ignore[no-untyped-def]
    items, brand, category, max_a_brand, max_a_category, is_chosen, of_brand, of_category
):
    """Choose one item more, exchanging others if need be; whether it could be done.

    Waves of a search over positions: an unchosen item is reached if its brand has room or lost an item on
    the way; it ends the search if its category has room, else it reaches the chosen items of its category.
    """
    width = len(items)
    before = np.full(width, -2, np.int64)  # position from which each was reached; -1: a start, -2: not
    open_brand = np.zeros(len(of_brand), np.bool_)
    full_category = np.zeros(len(of_category), np.bool_)  # whose chosen items were reached
    queue = np.empty(width, np.int64)
    tail = 0
    for at in range(width):
        b = brand[items[at]]
        if not is_chosen[at] and (b < 0 or of_brand[b] < max_a_brand):
            before[at] = -1
            queue[tail] = at
            tail += 1
    head = 0
    while head < tail:
        at = queue[head]
        head += 1
        if is_chosen[at]:
            b = brand[items[at]]
            if b < 0 or open_brand[b]:  # an item without a brand holds no room that another one needs
                continue
            open_brand[b] = True
            for other in range(width):
                if before[other] == -2 and not is_chosen[other] and brand[items[other]] == b:
                    before[other] = at
                    queue[tail] = other
                    tail += 1
            continue
        c = category[items[at]]
        if c < 0 or of_category[c] < max_a_category:
            _flip(items, brand, category, before, at, is_chosen, of_brand, of_category)
            return True
        if full_category[c]:
            continue
        full_category[c] = True
        for other in range(width):
            if before[other] == -2 and is_chosen[other] and category[items[other]] == c:
                before[other] = at
                queue[tail] = other
                tail += 1
    return False


@numba.njit(nogil=True, cache=True)
def _flip(items, brand, category, before, at, is_chosen, of_brand, of_category):  # type: ignore[no-untyped-def]
    """Choose what was not and the other way round along a path that ends in `at`."""
    while at >= 0:
        step = -1 if is_chosen[at] else 1
        is_chosen[at] = not is_chosen[at]
        if brand[items[at]] >= 0:
            of_brand[brand[items[at]]] += step
        if category[items[at]] >= 0:
            of_category[category[items[at]]] += step
        at = before[at]
