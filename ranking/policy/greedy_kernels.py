"""Loops that choose items one by one, under caps; single-threaded, without the interpreter's lock.

Names shared by all: `items`: (m, w) item codes in the order that is given, -1 behind the end; `scores`:
(m, w), descending, of the places; `depth`: the first places that may be chosen from; `k`: how many are
chosen; `out`: (m, w) the permutation, chosen ones first, all others behind them as they were. The six that
describe caps are those of `caps_kernels`. Where two are equally good, the one in front comes first.
"""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def choose_unlike(  # type: ignore[no-untyped-def]
    items, scores, matrix, trade_off, depth, k,
    brand, category, max_a_brand, max_a_category, n_brands, n_categories, out,
):  # fmt: skip
    """Choose what is good and unlike all that is chosen; `matrix`: (n_items, d), rows of length 1 at most."""
    width = min(depth, items.shape[1])
    of_brand, of_category = np.zeros(n_brands, np.int32), np.zeros(n_categories, np.int32)
    columns = np.empty((matrix.shape[1], width), np.float32)
    cosine, nearest = np.empty(width, np.float32), np.empty(width, np.float32)
    worth, taken = np.empty(width), np.empty(items.shape[1], np.bool_)
    for row in range(len(items)):
        length = _length(items[row])
        size, n = 0, min(length, width)
        _normalise(scores[row], n, worth)
        for at in range(n):
            columns[:, at] = matrix[items[row, at]]
        nearest[:], taken[:] = 0, False
        while size < min(n, k):
            best, best_value = -1, -np.inf
            for at in range(n):
                value = trade_off * worth[at] - (1 - trade_off) * nearest[at]
                if value > best_value and not taken[at] and _fits(
                    items[row, at], brand, category, max_a_brand, max_a_category, of_brand, of_category
                ):  # fmt: skip
                    best, best_value = at, value
            if best < 0:
                break
            cosine[:] = 0
            for c in range(len(columns)):  # every place at once, so sums have one order on any processor
                own = columns[c, best]
                for at in range(n):
                    cosine[at] += own * columns[c, at]
            for at in range(n):
                nearest[at] = max(nearest[at], cosine[at]) if size else cosine[at]
            _count(items[row, best], 1, brand, category, of_brand, of_category)
            out[row, size], taken[best] = best, True
            size += 1
        _uncount(items[row], out[row, :size], brand, category, of_brand, of_category)
        _append_others(taken, size, length, out[row])


@numba.njit(nogil=True, cache=True)
def choose_calibrated(  # type: ignore[no-untyped-def]
    items, scores, group, n_groups, offsets, wanted, share, trade_off, smoothing, depth, k,
    brand, category, max_a_brand, max_a_category, n_brands, n_categories, out,
):  # fmt: skip
    """Choose what is good and brings the shares of groups nearer to those wanted of each row.

    `group`: (n_items,) or -1; of row r, `wanted[offsets[r]:offsets[r + 1]]` are groups, and `share` their
    shares, above 0; a row that wants none stays as it is.

    An item of group g alone changes q of g, and so the divergence, but for what is the same of every item,
    falls by p (log of the smoothed q with it - log of the smoothed q without).
    """
    width = min(depth, items.shape[1])
    of_brand, of_category = np.zeros(n_brands, np.int32), np.zeros(n_categories, np.int32)
    of_group, gain = np.zeros(n_groups, np.int32), np.zeros(n_groups)
    worth, taken = np.empty(width), np.empty(items.shape[1], np.bool_)
    for row in range(len(items)):
        length = _length(items[row])
        size, n = 0, min(length, width)
        _normalise(scores[row], n, worth)
        taken[:] = False
        while size < min(n, k) and offsets[row] < offsets[row + 1]:
            for at in range(offsets[row], offsets[row + 1]):
                g, p = wanted[at], share[at]
                one = (1 - smoothing) / (size + 1)
                without = of_group[g] * one + smoothing * p
                gain[g] = p * (np.log(without + one) - np.log(without))
            best, best_value = -1, -np.inf
            for at in range(n):
                g = group[items[row, at]]
                value = trade_off * worth[at] + (1 - trade_off) * (gain[g] if g >= 0 else 0.0)
                if value > best_value and not taken[at] and _fits(
                    items[row, at], brand, category, max_a_brand, max_a_category, of_brand, of_category
                ):  # fmt: skip
                    best, best_value = at, value
            if best < 0:
                break
            if group[items[row, best]] >= 0:
                of_group[group[items[row, best]]] += 1
            _count(items[row, best], 1, brand, category, of_brand, of_category)
            out[row, size], taken[best] = best, True
            size += 1
        of_group[:] = 0
        gain[wanted[offsets[row] : offsets[row + 1]]] = 0
        _uncount(items[row], out[row, :size], brand, category, of_brand, of_category)
        _append_others(taken, size, length, out[row])


@numba.njit(nogil=True, cache=True)
def choose_with_share(  # type: ignore[no-untyped-def]
    items, is_new, needed, reserved, depth,
    brand, category, max_a_brand, max_a_category, n_brands, n_categories, out,
):  # fmt: skip
    """Keep the order, but have `needed[r]` new items among the first r + 1, as far as there are any.

    `is_new`: (n_items,); `reserved`: (m, ...) places of new items that keep the caps together, -1 behind the
    end: no other item takes their room.
    """
    of_brand, of_category = np.zeros(n_brands, np.int32), np.zeros(n_categories, np.int32)
    has_room = np.empty(items.shape[1], np.bool_)
    taken = np.empty(items.shape[1], np.bool_)
    for row in range(len(items)):
        length = _length(items[row])
        has_room[:], taken[:] = False, False
        for at in reserved[row]:
            if at >= 0:
                has_room[at] = True
                _count(items[row, at], 1, brand, category, of_brand, of_category)
        size, n_new = 0, 0
        while size < min(length, len(needed)):
            best, best_new = -1, -1
            for at in range(length):
                if taken[at] or not (has_room[at] or _fits(
                    items[row, at], brand, category, max_a_brand, max_a_category, of_brand, of_category
                )):  # fmt: skip
                    continue
                if best < 0:
                    best = at
                if is_new[items[row, at]] and at < depth:
                    best_new = at
                    break
            if best_new >= 0 and n_new < needed[size]:
                best = best_new
            if best < 0:
                break
            if not has_room[best]:
                _count(items[row, best], 1, brand, category, of_brand, of_category)
            n_new += is_new[items[row, best]]
            out[row, size], taken[best] = best, True
            size += 1
        of_brand[:], of_category[:] = 0, 0
        _append_others(taken, size, length, out[row])


@numba.njit(nogil=True, cache=True)
def _length(items):  # type: ignore[no-untyped-def]
    for at in range(len(items)):
        if items[at] < 0:
            return at
    return len(items)


@numba.njit(nogil=True, cache=True)
def _normalise(scores, n, worth):  # type: ignore[no-untyped-def]
    """1 for the best of the first n, 0 for the last."""
    if not n:
        return
    low = np.float64(scores[n - 1])
    span = np.float64(scores[0]) - low
    for at in range(n):
        worth[at] = (np.float64(scores[at]) - low) / span if span > 0 else 1.0


@numba.njit(nogil=True, cache=True)
def _fits(  # type: ignore[no-untyped-def]
    item, brand, category, max_a_brand, max_a_category, of_brand, of_category
):
    """Whether the caps let one item more in."""
    b, c = brand[item], category[item]
    return (b < 0 or of_brand[b] < max_a_brand) and (c < 0 or of_category[c] < max_a_category)


@numba.njit(nogil=True, cache=True)
def _count(item, step, brand, category, of_brand, of_category):  # type: ignore[no-untyped-def]
    if brand[item] >= 0:
        of_brand[brand[item]] += step
    if category[item] >= 0:
        of_category[category[item]] += step


@numba.njit(nogil=True, cache=True)
def _uncount(items, chosen, brand, category, of_brand, of_category):  # type: ignore[no-untyped-def]
    """Counts of the chosen ones back to 0."""
    for at in chosen:
        _count(items[at], -1, brand, category, of_brand, of_category)


@numba.njit(nogil=True, cache=True)
def _append_others(taken, size, length, out):  # type: ignore[no-untyped-def]
    for at in range(len(out)):
        if not taken[at] or at >= length:
            out[size] = at
            size += 1
