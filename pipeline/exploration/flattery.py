"""How much better a recommender looks in a random split than it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from dataset.dataset import Dataset
from dataset.ranked import Ranked
from dataset.snapshot import Snapshot
from dataset.splits.random import Random
from dataset.splits.split import Splitter
from evaluation.intervals import Bootstrap, Interval, bootstrap, paired_difference
from evaluation.metrics.metric import Metric, hit_matrix
from evaluation.metrics.ndcg import Ndcg
from evaluation.metrics.recall import Recall
from pipeline.exploration.measurement import Measurement

_SHARES: Final = (0.02, 0.5)  # between which the random test is as large as the other one


@dataclass(frozen=True)
class Asked:
    """What the recommenders gave users with history at one snapshot: m users.

    Parameters
    ----------
    user : int32 array of shape (m,)
        Ascending.
    truth : float
        Items to be found, on average.
    values : mapping of (source, metric) to float64 array of shape (m,)
    """

    user: npt.NDArray[np.int32]
    truth: float
    values: Mapping[tuple[str, str], npt.NDArray[np.float64]]


def flattery(
    dataset: Dataset,
    splitter: Splitter,
    measurement: Measurement,
    *,
    target_kinds: tuple[str, ...],
    share: float,
    name: str,
    n_resamples: int,
    seed: int,
) -> dict[str, Any]:
    """The same recommenders in a random split and in a fair one.

    Parameters
    ----------
    dataset : Dataset
    splitter : Splitter
        The fair one.
    measurement : Measurement
    target_kinds : tuple of str
    share : float
        Of the transactions that the random test draws, held within .02 and .5: that of the fair one, so that
        both have about as much to learn from.
    name : str
        Of the fair split.
    n_resamples, seed : int
        Of the bootstrap; the seed draws the random test and the users too.

    Returns
    -------
    mapping
        `against`, `test_share`, `k`; `queries` (random, fair, shared) and `truth` (random, fair); `sources`:
        name to metric to {"random", "fair", "difference", "ratio", "paired"}, each {"mean", "low", "high"}:
        the paired difference is over users who were asked for in both; `reading`.

    Raises
    ------
    DataContractError
        If the dataset cannot be split.
    """
    share = float(np.clip(share, *_SHARES))
    chance = Random(test_share=share, n_training=1, seed=seed, target_kinds=target_kinds)
    drawn = _asked(chance.split(dataset).test, measurement, seed)
    fair = _asked(splitter.split(dataset).test, measurement, seed)
    _, at_drawn, at_fair = np.intersect1d(drawn.user, fair.user, return_indices=True)
    sources: dict[str, dict[str, Any]] = {}
    for source, metric in drawn.values:
        a, b = drawn.values[source, metric], fair.values[source, metric]
        paired = paired_difference(a[at_drawn], b[at_fair], n_resamples=n_resamples, seed=seed)
        sources.setdefault(source, {})[metric] = _compared(a, b, n_resamples, seed) | {
            "paired": paired.as_json()
        }
    found = {
        "against": name,
        "test_share": share,
        "k": measurement.k,
        "queries": {"random": len(drawn.user), "fair": len(fair.user), "shared": len(at_fair)},
        "truth": {"random": drawn.truth, "fair": fair.truth},
        "sources": sources,
    }
    return {**found, "reading": _reading(found)}


def _asked(snapshot: Snapshot, measurement: Measurement, seed: int) -> Asked:
    """Lists of each source for users with history, and what they are worth."""
    rows = drawn_queries(snapshot, measurement.queries, seed)
    metrics: tuple[Metric, ...] = (Recall(measurement.k), Ndcg(measurement.k))
    truth = snapshot.truth.take(rows)
    values = {}
    for name, source in measurement.retrieval.sources.items():
        fitted = source.fit(snapshot, {})
        lists = Ranked.concatenate(
            [
                fitted.retrieve(
                    snapshot.requests(rows[start : start + measurement.block_size]), measurement.k
                )
                for start in range(0, len(rows), measurement.block_size)
            ]
        )
        hits = hit_matrix(lists, truth)
        for metric in metrics:
            values[name, metric.name] = metric(hits, truth.items.lengths)
    return Asked(snapshot.queries.user[rows], float(truth.items.lengths.mean()), values)


def drawn_queries(snapshot: Snapshot, at_most: int, seed: int) -> npt.NDArray[np.int64]:
    """Queries of users with history, ascending; of many, those whom a seed puts first in every snapshot."""
    rows = np.flatnonzero(snapshot.is_warm)
    place = np.random.default_rng(seed).permutation(len(snapshot.users))
    first = np.argsort(place[snapshot.queries.user[rows]], kind="stable")[:at_most]
    return np.sort(rows[first])


def _compared(
    random: npt.NDArray[np.float64], fair: npt.NDArray[np.float64], n_resamples: int, seed: int
) -> dict[str, Any]:
    """Both means, their difference and their ratio; users of both sides are drawn apart."""
    sides = [
        bootstrap(values[:, None], n_resamples=n_resamples, seed=seed + at)
        for at, values in enumerate((random, fair))
    ]
    means, drawn = zip(*map(_of, sides), strict=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = _interval(means[0] / means[1], drawn[0] / drawn[1])
    return {
        "random": sides[0].intervals()[0].as_json(),
        "fair": sides[1].intervals()[0].as_json(),
        "difference": _interval(means[0] - means[1], drawn[0] - drawn[1]).as_json(),
        "ratio": ratio.as_json(),
    }


def _of(side: Bootstrap) -> tuple[np.float64, npt.NDArray[np.float64]]:
    return side.means[0], side.resampled[:, 0]


def _interval(mean: np.float64, resampled: npt.NDArray[np.float64]) -> Interval:
    """Percentile interval; none where some resample has no value."""
    if not np.isfinite(resampled).all():
        return Interval.without_spread(float(mean))
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Interval(float(mean), float(low), float(high))


def _reading(found: Mapping[str, Any]) -> str:
    metric = f"ndcg@{found['k']}"
    said = []
    for name, metrics in found["sources"].items():
        figures = metrics[metric]
        ratio, difference = figures["ratio"], figures["difference"]
        if ratio["mean"] is None or difference["low"] is None:
            said.append(f"{name} finds nothing in the {found['against']} split")
            continue
        reach = f" [{ratio['low']:.2f}, {ratio['high']:.2f}]" if ratio["low"] is not None else ""
        if difference["low"] > 0:
            said.append(f"{name} would look {ratio['mean']:.2f} times{reach} as good")
        elif difference["high"] < 0:
            said.append(f"{name} would look worse, {ratio['mean']:.2f} times{reach} as good")
        else:
            said.append(f"{name} would look about the same, {ratio['mean']:.2f} times{reach}")
    return f"In a random split, by nDCG@{found['k']}: {'; '.join(said)}."
