"""The frontier against its definition."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from evaluation.scaling.frontier import frontier, undominated
from tests.evaluation.scaling.lines import cell, failed

POINTS = arrays.arrays(
    np.float64,
    st.tuples(st.integers(0, 25), st.integers(1, 4)),
    elements=st.integers(0, 4).map(float),  # few values, so that there are ties
)


def dominates(one, other) -> bool:
    pairs = list(zip(one, other, strict=True))
    return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)


@settings(max_examples=60)
@given(POINTS)
def test_no_member_is_dominated_and_every_other_is_by_a_member(points) -> None:
    kept = undominated(points)
    members = points[kept]
    assert kept.any() == (len(points) > 0)
    for point, is_kept in zip(points, kept, strict=True):
        assert is_kept == (not any(dominates(other, point) for other in points))
        assert is_kept or any(dominates(member, point) for member in members)


def test_only_what_could_be_run_is_on_the_frontier_the_quickest_first() -> None:
    cells = [
        cell("slow", 0.3, 0.02),
        cell("surpassed", 0.2, 0.03),
        cell("quick", 0.2, 0.01),
        cell("lean", 0.1, 0.04, peak_memory_bytes=1e8),
        cell("list", 0.05, 0.001, kind="source"),
        cell("oracle", 0.9, 0.0001, kind="oracle"),
        cell("exhaustive", 0.8, 0.0001, kind="exhaustive"),
        cell("without", None, 0.0001),
        failed("failed", "Too large."),
    ]
    assert frontier(cells) == ["list", "quick", "slow", "lean"]
    assert frontier(cells, ("seconds",)) == ["list", "quick", "slow"]
    assert frontier(cells, ("memory",)) == ["slow", "lean"][::-1]
    without_memory = [{**one, "peak_memory_bytes": None} for one in cells]
    assert frontier(without_memory) == ["list", "quick", "slow"]
    assert frontier([]) == frontier(cells[-1:]) == []
