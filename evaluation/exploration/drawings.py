"""The plots of each section, drawn from its figures alone."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from evaluation.plots.bars import bars
from evaluation.plots.columns import columns
from evaluation.plots.cutoff_lines import cutoff_lines
from evaluation.plots.day_curves import day_curves
from evaluation.plots.drawing import Plot
from evaluation.plots.drift_map import drift_map
from evaluation.plots.interval_rows import interval_rows
from evaluation.plots.lorenz_curves import lorenz_curves
from evaluation.plots.month_lines import month_lines

FEATURES_DRAWN: Final = 20
FAMILIES_DRAWN: Final = 25
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
Drawn = dict[str, Plot | None]


def _volumes(section: Mapping[str, Any]) -> Drawn:
    if section["months"] is None:
        return {}
    months, by_month = section["months"], section["by_month"]
    kinds = {kind: by_month[kind] for kind in section["kinds"]}
    active = {"users": by_month["users"], "items": by_month["items"]}
    share = "share of the events"
    weekdays = {day[:3]: of_events for day, of_events in section["weekdays"].items()}
    return {
        "kinds": month_lines(kinds, months, "events a month"),
        "active": month_lines(active, months, "users and items with an event in the month"),
        "weekdays": columns(weekdays, "day of the week", share, percent=True),
        "hours": columns(
            dict(zip(map(str, range(24)), section["hours"], strict=True)), "hour, UTC", share, percent=True
        )
        if section["hours"]
        else None,
        "season": None if section["season"] is None else _season(section["season"]),
    }


def _season(season: Mapping[str, Any]) -> Plot | None:
    ends = zip(_MONTHS, season["index"], season["low"], season["high"], strict=True)
    seen = {month: {"mean": mean, "low": low, "high": high} for month, mean, low, high in ends}
    return interval_rows(
        {"mean, least and largest": seen},
        "times the volume of the year around it",
        line=1.0,
        intervals="the range that was seen",
        wide="half",
    )


def _activity(section: Mapping[str, Any]) -> Drawn:
    users, items = section["users"], section["items"]
    curves = {"users, by transactions": users["lorenz"], "items, by buyers": items["lorenz"]}
    return {
        "lorenz": lorenz_curves(curves),
        "users": columns(users["histogram"], "transactions of a user", "users"),
        "items": columns(items["histogram"], "buyers of an item", "items"),
    }


def _ratings(section: Mapping[str, Any]) -> Drawn:
    stars = {str(star): share for star, share in enumerate(section["stars"], 1)}
    by_month = section["by_month"]
    return {
        "stars": columns(stars, "rating", "share of the ratings", percent=True),
        "months": None
        if by_month is None
        else month_lines(
            {"mean rating": [entry["mean"] for entry in by_month.values()]},
            list(by_month),
            "mean rating",
            limits=(1, 5),
        ),
        "categories": interval_rows(
            {"mean rating": section["by_category"]}, "mean rating", line=None, wide="half"
        ),
    }


def _missingness(section: Mapping[str, Any]) -> Drawn:
    items = {name: figures["share"] for name, figures in section["items"].items()}
    sold = {name: figures["of_transactions"] for name, figures in section["items"].items()}
    users = {name: figures["share"] for name, figures in section["users"].items()}
    stated = {f"{name} (never stated)": figures["never"] for name, figures in section["events"].items()}
    return {
        "items": bars({"of the items": items, "of the transactions": sold}, "missing of items", wide="half"),
        "users": bars({"of the users": users | stated}, "missing of users", wide="half"),
    }


def _recency(section: Mapping[str, Any]) -> Drawn:
    curves = {name: section[name]["curve"] for name in ("users", "items")}
    return {"curves": day_curves(curves, "heard of within so many days before the end")}


def _repurchase(section: Mapping[str, Any]) -> Drawn:
    if section["item"] is None:
        return {}
    names = {"the same product": "item", "the same category": "category"}
    if not section["repeats"]:
        del names["the same product"]
    curves = {name: section[key]["all"]["curve"] for name, key in names.items() if "all" in section[key]}
    within = {
        name: {
            label: {
                "mean": f["within"]["180"]["share"],
                **{end: f["within"]["180"][end] for end in ("low", "high")},
            }
            for label, f in section[key].items()
        }
        for name, key in names.items()
    }
    return {
        "gaps": columns(section["gaps"]["histogram"], "days to the user's next purchase", "gaps"),
        "curves": day_curves(curves, "bought again within so many days"),
        "within": interval_rows(within, "bought again within 180 days", line=None, percent=True),
    }


def _baskets(section: Mapping[str, Any]) -> Drawn:
    pairs = {
        f"{a} + {b}": pair
        for pair in section["pairs"]
        for a, b in [[c.rpartition(" > ")[2] for c in pair["categories"]]]
    }
    figures = {
        name: {"mean": pair["lift"], "low": pair["low"], "high": pair["high"]} for name, pair in pairs.items()
    }
    return {
        "sizes": columns(section["histogram"], "items in a basket", "baskets"),
        "pairs": interval_rows({"lift": figures}, "times as often together as by chance", line=1.0),
    }


def _cold_start(section: Mapping[str, Any]) -> Drawn:
    series = {
        "by new users": section["new_user"],
        "on new items": section["new_item"],
        "both": section["both"],
    }
    label = "share of the month's transactions"
    return {"months": month_lines(series, section["months"], label, percent=True)}


def _attributes(section: Mapping[str, Any]) -> Drawn:
    tested = {
        name: {"mean": f["v"], "low": f["low"], "high": f["high"]} for name, f in section["tested"].items()
    }
    return {"v": interval_rows({"Cramér's V": tested}, "Cramér's V, bias-corrected")}


def _features(section: Mapping[str, Any]) -> Drawn:
    shown = dict(list(section["numeric"].items())[:FEATURES_DRAWN])
    over_all = {name: {"mean": f["rho"], "low": f["low"], "high": f["high"]} for name, f in shown.items()}
    within = {
        name: {"mean": f["within"], "low": f["within_low"], "high": f["within_high"]}
        for name, f in shown.items()
    }
    series = {"over all candidates": over_all, "among those of one user": within}
    return {"numeric": interval_rows(series, "Spearman's correlation with a purchase")}


def _ingredients(section: Mapping[str, Any]) -> Drawn:
    shown = dict(list(section["families"].items())[:FAMILIES_DRAWN])
    return {
        "families": bars(
            {
                "of the products": {name: f["share"] for name, f in shown.items()},
                "of the transactions": {name: f["of_transactions"] for name, f in shown.items()},
            },
            "products that hold a member of the family",
            wide="half",
        )
    }


DRAWINGS: Final[Mapping[str, Callable[[Mapping[str, Any]], Drawn]]] = {
    "volumes": _volumes,
    "activity_and_popularity": _activity,
    "ratings": _ratings,
    "missingness": _missingness,
    "recency": _recency,
    "repurchase": _repurchase,
    "baskets": _baskets,
    "cold_start": _cold_start,
    "attributes": _attributes,
    "feature_correlation": _features,
    "ingredients": _ingredients,
    "drift": lambda section: {"map": drift_map(section["things"], section["months"])},
    "split_advice": lambda section: {
        "cutoffs": cutoff_lines(section["candidates"], section["cutoff"]) if section["cutoff"] else None
    },
}
"""What is drawn of each section of `explore.json`."""
