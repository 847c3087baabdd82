"""The recommended cell against its definition, and what is said of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.intervals import paired_difference
from evaluation.scaling.choice import TOLERANCE, candidates, chosen
from tests.evaluation.scaling.lines import cell, failed

COST = st.integers(1, 3).map(float)


def by_user(seed: int, n: int, means: list[float]) -> dict[str, np.ndarray]:
    """Values of as many cells, with means as asked for, of which a few users are missing."""
    random = np.random.default_rng(seed)
    common = random.normal(0, 0.05, n)
    found = {}
    for at, mean in enumerate(means):
        values = common + random.normal(0, 0.001, n)
        values += mean - values.mean()
        values[random.random(n) < 0.1] = np.nan
        found[str(at)] = values
    return found


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(985, 1000), COST, COST, st.booleans()), min_size=1, max_size=7),
    st.integers(0, 99),
)
def test_it_is_the_cheapest_within_one_percent_of_the_best(drawn, seed: int) -> None:
    values = by_user(seed, 60, [level / 2000 for level, *_ in drawn])
    cells = [
        cell(str(at), float(np.nanmean(values[str(at)])), seconds, peak_memory_bytes=memory, exact=exact)
        for at, (_, seconds, memory, exact) in enumerate(drawn)
    ]
    found = chosen(cells, values)
    among = [one for one in cells if one["exact"]] or cells
    best = max(one["ndcg@10"]["mean"] for one in among)
    whole = values[found.best]
    assert np.nanmean(whole) == pytest.approx(best)
    allowed = []
    for one in among:
        both = np.isfinite(values[one["cell"]]) & np.isfinite(whole)
        if values[one["cell"]][both].mean() >= (1 - TOLERANCE) * whole[both].mean() - 1e-12:
            allowed.append((one["seconds_per_user"]["total"], one["peak_memory_bytes"], one["cell"]))
    assert found.cell == min(allowed)[2]
    assert (found.n_candidates, found.n_within) == (len(among), len(allowed))
    difference = values[found.cell] - whole
    assert found.difference.mean == pytest.approx(np.nanmean(difference), abs=1e-12)
    alone = paired_difference(values[found.cell], whole)
    assert found.difference.low == pytest.approx(alone.low, abs=2e-4)
    assert found.difference.high == pytest.approx(alone.high, abs=2e-4)


def test_only_what_an_experiment_reproduces_is_a_candidate_where_there_is_such() -> None:
    cells = [
        cell("drawn", 0.5, exact=False),
        cell("exact", 0.1),
        cell("list", 0.6, kind="source"),
        failed("failed", "No."),
    ]
    assert [one["cell"] for one in candidates(cells)] == ["exact"]
    found = chosen(cells[:1] + cells[2:], {})
    assert (found.cell, found.exact) == ("drawn", False)
    assert chosen(cells[2:], {}) is None


def test_without_figures_by_user_means_decide_and_there_is_no_interval() -> None:
    found = chosen([cell("best", 0.2, 0.9), cell("near", 0.199, 0.1), cell("far", 0.19, 0.01)], {})
    assert (found.cell, found.best) == ("near", "best")
    assert found.share == pytest.approx(-0.005)
    assert np.isnan(found.difference.low)
    assert not found.is_certain


def test_certain_is_what_the_whole_interval_says() -> None:
    random = np.random.default_rng(0)
    best = np.full(400, 0.5)
    cells = [cell("best", 0.5, 0.2), cell("near", 0.498, 0.1)]
    steady = chosen(cells, {"best": best, "near": np.full(400, 0.498)})
    wild = best + random.normal(0, 0.3, 400)
    unsteady = chosen(cells, {"best": best, "near": wild + 0.498 - wild.mean()})
    assert (steady.cell, steady.is_certain) == ("near", True)
    assert (unsteady.cell, unsteady.is_certain) == ("near", False)
