"""Where more queries to learn from stop paying."""

import numpy as np
import pytest

from evaluation.scaling.learning_curve import learning_curves
from tests.evaluation.scaling.lines import cell

KEY = "ranking.sampling.max_queries"


def at(n: int | None, ndcg: float, **build):
    return cell(f"{n} {build}", ndcg, build={KEY: n, **build})


def test_it_is_the_least_number_from_which_on_all_is_near_the_most() -> None:
    levels = {250: 0.1, 500: 0.1995, 1000: 0.19, 2000: 0.1985, 4000: 0.203, 8000: 0.2}
    cells = [at(n, level) for n, level in sorted(levels.items(), reverse=True)]
    values = {one["cell"]: np.full(30, one["ndcg@10"]["mean"]) for one in cells}
    (curve,) = learning_curves([*cells, at(None, 0.3)], values)
    assert [point["n_queries"] for point in curve["points"]] == sorted(levels)
    assert curve["enough"] == 2000
    assert curve["points"][0]["share"] == pytest.approx(-0.5)
    assert curve["points"][-1]["difference"] == {"mean": 0.0, "low": 0.0, "high": 0.0}


def test_a_curve_needs_three_points_of_one_configuration() -> None:
    cells = [at(n, 0.1, index="flat") for n in (1, 2, 3)] + [at(n, 0.1, index="hnsw") for n in (1, 2)]
    assert [curve["configuration"] for curve in learning_curves(cells, {})] == ["index=flat"]
    assert learning_curves([cell("a"), cell("b")], {}) == []
