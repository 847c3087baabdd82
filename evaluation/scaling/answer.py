"""Which configuration should I run? In a sentence, and what stands behind it in others."""

from collections.abc import Mapping
from typing import Any, Final

from evaluation.scaling.choice import TOLERANCE
from evaluation.scaling.table import percent
from evaluation.table import with_interval

_WITHIN: Final = f"{100 * TOLERANCE:g} %"


def answer(found: Mapping[str, Any]) -> str:
    """The answer, of `conclusions`, a sentence."""
    choice = found["recommended"]
    if choice is None:
        n_failed = len(found["failed"])
        why = f"{n_failed} of the cells failed" if n_failed else "the grid has none that was measured"
        return f"No configuration can be recommended: it must be a two-stage cell, and {why}."
    if choice["cell"] == choice["best"]:
        several = choice["n_candidates"] > 1
        beside = f"the best of {choice['n_candidates']}" if several else "the only two-stage cell"
        if choice["n_within"] == 1 and several:
            beside += f", and no cheaper one is within {_WITHIN} of it"
    else:
        beside = (
            f"the cheapest within {_WITHIN} of the best, at {percent(choice['seconds_of_best'])} of its time"
        )
    memory = "" if choice["memory"] is None else f" and {choice['memory'] / 1e6:,.0f} MB"
    return (
        f"Run {choice['configuration']}: nDCG@10 {with_interval(choice['ndcg@10'])}, {beside}, "
        f"for {1000 * choice['seconds']:.3g} ms a user{memory}."
    )


def notes(found: Mapping[str, Any]) -> list[str]:
    """What is to be known of the answer, sentences."""
    choice = found["recommended"]
    if choice is None:
        return []
    told = []
    share = choice["share_of_exhaustive"] or {}
    if share.get("ndcg@10") is not None:
        told.append(
            f"It has {percent(share['ndcg@10'])} of the nDCG@10 of ranking the whole catalogue"
            f"{_of_exhaustive(choice)}, at {percent(share['seconds'])} of its time per user."
        )
    if choice["cell"] != choice["best"]:
        told.append(_to_the_best(choice))
    if not choice["exact"]:
        told.append(
            "No cell's figure is one that an experiment would reproduce to the last digit: only some of the "
            "users were asked, or the index was asked otherwise than when the ranker was trained."
        )
    return told


def _of_exhaustive(choice: Mapping[str, Any]) -> str:
    """How far that share can be believed, where users were compared in pairs."""
    found = choice["to_exhaustive"]
    if found is None or found["low"] is None or not found["of"]:
        return ""
    low, high = (percent(1 + found[end] / found["of"]) for end in ("low", "high"))
    return f" (95 % interval {low} to {high}, over {found['n_queries']:,} users)"


def _to_the_best(choice: Mapping[str, Any]) -> str:
    difference, best = choice["difference"], choice["best"]
    of = choice["of"]
    told = f"To {best}, the best, its nDCG@10 differs by {_percent(difference['mean'], of)}"
    if difference["low"] is None:
        return f"{told}; without figures by user no interval can be given."
    between = f"{_percent(difference['low'], of)} to {_percent(difference['high'], of)}"
    told += f" (95 % interval {between}, over the same users)."
    if not choice["is_certain"]:
        told += f" With so many users, more than {_WITHIN} cannot be ruled out."
    return told


def _percent(difference: float, of: float) -> str:
    return f"{100 * difference / of if of else 0.0:+.2f} %"
