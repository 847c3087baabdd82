"""Where to cut: what a test needs, and the cut-off that has it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np

from dataset.parameters import check_int, check_number
from evaluation.exploration.cutoffs import Cutoff, cutoffs
from evaluation.exploration.material import Material
from evaluation.exploration.timeline import day_of
from evaluation.exploration.wording import percent

NOMINAL: Final = "split=leave_last_out"
NEEDS: Final[Mapping[str, str]] = {
    "users": "enough users with history to tell differences",
    "length": "a test long enough to hold several of each weekday",
    "share": "most transactions left to learn from",
    "year": "a year of history, so that each season has been seen once",
    "season": "a test from an ordinary time of the year",
    "windows": "past windows as long as the test, to train the ranker on and to stop it by",
}


@dataclass(frozen=True, kw_only=True)
class SplitNeeds:
    """What a test must have; each of them changes the advice.

    Parameters
    ----------
    queries : int
        Users with history that are asked for, at least; where no cut-off has so many, half of the most that
        any has.
    test_days : int
        Length of the test in days, at least. Less where the log is shorter than ten times that: a tenth of
        it.
    share_after : float
        Share of the transactions that the test may take, at most.
    training_windows : int
        Windows to train on, at least, beside the one for validation.
    history_days : int
        Days before the cut-off, at least; half of the log where it is shorter than twice that.
    season : float
        How far the test's months may be, on average, from the volume of the year around them, as a share of
        it. Not asked where the season is not known.
    """

    queries: int = 5000
    test_days: int = 28
    share_after: float = 0.3
    training_windows: int = 2
    history_days: int = 365
    season: float = 0.15

    def __post_init__(self) -> None:
        for name in ("queries", "test_days", "training_windows", "history_days"):
            check_int(self, name, low=1)
        check_number(self, "share_after", low=0.001, high=0.999)
        check_number(self, "season", low=0)


def split_advice(material: Material, needs: SplitNeeds, season: Mapping[str, Any] | None) -> dict[str, Any]:
    """The latest cut-off that has what a test needs, or else the one that lacks least.

    Later is better for all else: there is more to learn from, and the test is nearer to tomorrow.

    Parameters
    ----------
    material : Material
    needs : SplitNeeds
    season : mapping or None
        From `season_of`, to say which part of the year the test falls into.

    Returns
    -------
    mapping
        `kind`: "temporal", "leave_last_out" where the clock is nominal, None where nothing can be cut;
        `override`, the settings to paste; `cutoff`, its day; `chosen`: the facts of the cut-off, see
        `Cutoff`, `season`, how the months of the test compare with the year around them, None where that is
        not known, and `met`, need to yes or no; `candidates`: the same of all that were looked at, oldest
        first; `needs`: what was asked, after it was fitted to the log; `arguments`: sentences; `reading`.
    """
    empty: dict[str, Any] = {"cutoff": None, "chosen": None, "candidates": [], "needs": None}
    if material.timeline.is_nominal:
        reading = (
            "The times are positions in sequences, so a cut-off in time would cut everybody at the same "
            "number of steps from the end: leave each user's last item out instead, and read the figures "
            "as those of a benchmark, not of a shop."
        )
        return {"kind": "leave_last_out", "override": NOMINAL, **empty, "arguments": [], "reading": reading}
    candidates = cutoffs(material)
    if not candidates:
        reading = "No cut-off leaves users with events before and new items after it: no test in time."
        return {"kind": None, "override": None, **empty, "arguments": [], "reading": reading}
    fitted = _fitted(needs, candidates, material.timeline.span_days)
    seasons = [_season(cutoff, material.timeline.last, season) for cutoff in candidates]
    met = [_met(cutoff, own, fitted) for cutoff, own in zip(candidates, seasons, strict=True)]
    best = max(range(len(candidates)), key=lambda at: (sum(met[at].values()), candidates[at].moment))
    chosen = candidates[best]
    plain = [
        {**_plain(cutoff), "season": of_year, "met": own}
        for cutoff, of_year, own in zip(candidates, seasons, met, strict=True)
    ]
    return {
        "kind": "temporal",
        "override": _override(chosen),
        "cutoff": day_of(chosen.moment),
        "chosen": plain[best],
        "candidates": plain,
        "needs": asdict(fitted),
        "arguments": [
            *_arguments(chosen, fitted),
            _of_season(seasons[best]),
            *_others(chosen, met[best], candidates[-1], met[-1]),
        ],
        "reading": f"Cut at {day_of(chosen.moment)}, the "
        + ("latest day" if all(met[best].values()) else "day that lacks least")
        + " for a test that has what it needs.",
    }


def _fitted(needs: SplitNeeds, candidates: Sequence[Cutoff], span_days: int) -> SplitNeeds:
    """The needs, lowered to what a log of this size and length can have at all."""
    most = max(cutoff.with_history for cutoff in candidates)
    return SplitNeeds(
        queries=min(needs.queries, max(most // 2, 1)),
        test_days=min(needs.test_days, max(span_days // 10, 1)),
        share_after=needs.share_after,
        training_windows=needs.training_windows,
        history_days=min(needs.history_days, max(span_days // 2, 1)),
        season=needs.season,
    )


def _season(cutoff: Cutoff, last: int, season: Mapping[str, Any] | None) -> float | None:
    """Mean of the index over the months of the test, the last twelve of them at most."""
    if season is None:
        return None
    start, end = (np.datetime64(at, "s").astype("datetime64[M]").astype(int) for at in (cutoff.moment, last))
    index = [season["index"][month % 12] for month in range(start, end + 1)][-12:]
    return float(sum(index) / len(index))


def _met(cutoff: Cutoff, season: float | None, needs: SplitNeeds) -> dict[str, bool]:
    return {
        "users": cutoff.with_history >= needs.queries,
        "length": cutoff.test_days >= needs.test_days,
        "share": cutoff.share_after <= needs.share_after,
        "year": cutoff.history_days >= needs.history_days,
        "season": season is None or abs(season - 1) <= needs.season,
        "windows": cutoff.training_windows >= needs.training_windows,
    }


def _override(cutoff: Cutoff) -> str:
    line = f"split=temporal split.cutoff={day_of(cutoff.moment)}"
    return f"{line} split.n_training=1" if cutoff.training_windows < 2 else line


def _plain(cutoff: Cutoff) -> dict[str, Any]:
    facts = asdict(cutoff)
    return {"day": day_of(facts.pop("moment")), **facts}


def _arguments(chosen: Cutoff, needs: SplitNeeds) -> list[str]:
    return [
        f"{chosen.with_history:,} users with history are asked for ({needs.queries:,} needed), and "
        f"{chosen.queries - chosen.with_history:,} without; they went on to get {chosen.truth:,} items.",
        f"{percent(chosen.share_after)} of the transactions lie in the {chosen.test_days:,} days at or "
        f"after it; the {chosen.history_days:,} days before are left to learn from.",
        f"{percent(chosen.cold_items)} of what was got is on items that nobody could know of at the "
        f"cut-off: no recommender reaches more than {percent(1 - chosen.cold_items)} of it.",
        f"{max(chosen.training_windows, 0)} windows as long as the test (half a year at most) fit before "
        "it to train on, beside one for validation.",
    ]


def _of_season(season: float | None) -> str:
    if season is None:
        return "Whether the test falls into a season cannot be told: that takes two years of whole months."
    return f"By season, the months of the test have {season:.2f} times the volume of the year around them."


def _others(
    chosen: Cutoff, met: Mapping[str, bool], latest: Cutoff, latest_met: Mapping[str, bool]
) -> list[str]:
    """What the advised cut-off lacks, or what later ones lack."""
    lacking = [NEEDS[name] for name, has in met.items() if not has]
    if lacking:
        return [f"No cut-off has all that a test needs; this one lacks {' and '.join(lacking)}."]
    if latest.moment == chosen.moment:
        return []
    later = [NEEDS[name] for name, has in latest_met.items() if not has]
    return [
        f"No later one has all that is needed: the latest, {day_of(latest.moment)}, with "
        f"{latest.with_history:,} users with history in {latest.test_days} days, lacks {' and '.join(later)}."
    ]
