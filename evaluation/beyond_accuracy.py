"""What lists are like apart from being right, for everybody and by group of users."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataset.errors import DataContractError
from dataset.queries import Qrels
from dataset.ragged import Categorical
from dataset.ranked import Ranked
from evaluation.amplification import amplification
from evaluation.gaps import gaps
from evaluation.groups import UNKNOWN
from evaluation.intervals import Bootstrap, Interval, bootstrap
from evaluation.list_facts import ListFacts
from evaluation.list_measures import Values, measure_lists
from evaluation.metrics.coverage import Coverage
from evaluation.metrics.gini import Gini
from evaluation.metrics.popularity_lift import PopularityLift
from evaluation.sections import MAIN_RUN

MIN_USERS: Final = 50
"""Groups with fewer users have no part in gaps and amplification."""
MIN_EVENTS: Final = 100
"""Categories with fewer events in a group's history have no part in its amplification."""


def beyond_accuracy(
    runs: Mapping[str, Ranked],
    truth: Qrels,
    facts: ListFacts,
    groups: Mapping[str, Categorical],
    ndcg: Mapping[str, npt.NDArray[np.float64]],
    *,
    k: int,
    rows: npt.NDArray[np.integer],
    new_days: int = 90,
    n_resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """The section "beyond_accuracy" of `metrics.json`.

    Parameters
    ----------
    runs : mapping of str to Ranked
        Lists of all m queries.
    truth : Qrels
    facts : ListFacts
    groups : mapping of str to Categorical of m rows
        Groupings of the queries.
    ndcg : mapping of str to float64 array of shape (m,)
        nDCG@k of each run, as measured elsewhere; it stands beside the other figures.
    k : int
        Cut-off of all measures.
    rows : int array
        The queries that count: those of users with history, and with truth.
    new_days : int
        For how long an item is new. Changes "new_items@k" alone.
    n_resamples, seed : int
        Of the bootstrap.

    Returns
    -------
    dict
        "settings"; "runs": run to metric to {"mean", "low", "high"}; and of the main run "groups": grouping
        to label to {"n", metric: figures}, "gaps": grouping to metric to {"best", "worst", "difference"}
        (see `gap`) and "amplification" (see there).

    Raises
    ------
    DataContractError
        If the parts are not all of the same queries.
    """
    _check(runs, truth, facts, groups, ndcg)
    lists = {run: ranked.take(rows) for run, ranked in runs.items()}
    asked, labels = facts.take(rows), {name: group.take(rows) for name, group in groups.items()}
    values = measure_lists(lists, truth.take(rows), asked, k=k, new_days=new_days)
    for run, measured in values.items():
        values[run] = {f"ndcg@{k}": ndcg[run][rows], **measured} if run in ndcg else measured
    section: dict[str, Any] = {
        "settings": {
            "k": k,
            "new_days": new_days,
            "category_levels": facts.category_levels,
            "categories": len(facts.category.names),
            "min_users": MIN_USERS,
            "min_events": MIN_EVENTS,
        },
        "runs": _runs(values, lists, facts.items.available, k, n_resamples, seed),
        "groups": {},
        "gaps": {},
        "amplification": {},
    }
    if MAIN_RUN in values:
        for name, group in labels.items():
            section["groups"][name], section["gaps"][name] = _by_group(
                values[MAIN_RUN], group, n_resamples, seed
            )
        section["amplification"] = amplification(
            lists[MAIN_RUN], asked, labels, k=k, min_users=MIN_USERS, min_events=MIN_EVENTS
        )
    return section


def _runs(
    values: Mapping[str, Values],
    lists: Mapping[str, Ranked],
    available: npt.NDArray[np.bool_],
    k: int,
    n_resamples: int,
    seed: int,
) -> dict[str, dict[str, Any]]:
    columns = [(run, name) for run, measured in values.items() for name in measured]
    drawn = _drawn([values[run][name] for run, name in columns], n_resamples, seed)
    section: dict[str, dict[str, Any]] = {run: {} for run in values}
    for (run, name), interval in zip(columns, drawn.intervals(), strict=True):
        section[run][name] = interval.as_json()
    for run, ranked in lists.items():
        for measure in (Coverage(k), Gini(k)):
            section[run][measure.name] = Interval.without_spread(measure(ranked, available)).as_json()
    return section


def _by_group(
    values: Values, group: Categorical, n_resamples: int, seed: int
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """Figures by label, each group resampled by itself, and the gaps between them."""
    names = tuple(values)
    section: dict[str, dict[str, Any]] = {}
    drawn: dict[str, Bootstrap] = {}
    n_valued: dict[str, npt.NDArray[np.int64]] = {}
    for code, label in [*enumerate(group.names), (-1, UNKNOWN)]:
        members = np.flatnonzero(group.codes == code)
        if not len(members):
            continue
        columns = [values[name][members] for name in names]
        drawn[label] = _drawn(columns, n_resamples, seed)
        n_valued[label] = np.array([_n_valued(column) for column in columns], np.int64)
        figures = [interval.as_json() for interval in drawn[label].intervals()]
        section[label] = {"n": len(members), **dict(zip(names, figures, strict=True))}
    return section, gaps(drawn, names, n_valued, MIN_USERS)


def _drawn(columns: Sequence[npt.NDArray[np.float64]], n_resamples: int, seed: int) -> Bootstrap:
    """One bootstrap over all columns; where a column is a pair, of what the pair's means make."""
    wide = [column[:, None] if column.ndim == 1 else column for column in columns]
    ends = np.cumsum([column.shape[1] for column in wide], dtype=np.int64)
    drawn = bootstrap(np.concatenate(wide, axis=1), n_resamples=n_resamples, seed=seed)
    places = [slice(end - column.shape[1], end) for column, end in zip(wide, ends, strict=True)]
    means = [_figure(drawn.means[place]) for place in places]
    resampled = [_figure(drawn.resampled[:, place]) for place in places]
    return Bootstrap(np.stack(means), np.stack(resampled, axis=-1))


def _figure(means: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return means[..., 0] if means.shape[-1] == 1 else PopularityLift.of_means(means)


def _n_valued(column: npt.NDArray[np.float64]) -> int:
    return int((~np.isnan(column.reshape(len(column), -1)[:, 0])).sum())


def _check(
    runs: Mapping[str, Ranked],
    truth: Qrels,
    facts: ListFacts,
    groups: Mapping[str, Categorical],
    ndcg: Mapping[str, npt.NDArray[np.float64]],
) -> None:
    lengths = {len(truth), len(facts), *(len(ranked) for ranked in runs.values())}
    lengths |= {len(group.codes) for group in groups.values()} | {len(v) for v in ndcg.values()}
    if len(lengths) > 1:
        raise DataContractError(f"All parts must be of the same queries. Got {sorted(lengths)} rows.")
