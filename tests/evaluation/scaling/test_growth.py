"""Growth from cells: which sizes are fitted, which are foretold, and which are kept out to check."""

from typing import Any

import pytest

from evaluation.scaling.growth import growth
from evaluation.scaling.sizes import families
from tests.evaluation.scaling.lines import cell, failed

SEARCH = 1e-4


def at(n_items: int, n_users: int, name: str = "", kind: str = "two_stage", **facts: Any) -> dict[str, Any]:
    """A cell whose time grows with the power .2 of items, and memory by shares beyond a basis."""
    sizes = {"dataset.n_items": n_items, "dataset.n_users": n_users}
    seconds = SEARCH * n_items**0.2
    known = {
        "build": {**sizes, "index": "hnsw"},
        "overrides": [*(f"{key}={value}" for key, value in sizes.items()), "index=hnsw"],
        "n_items": n_items - 1,  # what may be had is less than what is generated
        "n_users": n_users,
        "data": f"{n_items} {n_users}",
        "peak_memory_bytes": 3e8 + 4e3 * (n_items - 1) + 2e3 * n_users,
        "seconds_per_user": {"search": seconds / 2, "ranking": seconds / 2, "total": seconds},
    }
    name = name or f"n_items={n_items},n_users={n_users},index=hnsw"
    return cell(name, kind=kind, **{**known, **facts})


GRID = [at(items, users) for items in (1000, 3000, 10_000) for users in (500, 2000)]


def test_exponents_and_a_size_four_times_larger() -> None:
    (found,) = growth(GRID)
    assert (found["configuration"], found["axes"]) == ("index=hnsw", ["n_items", "n_users"])
    assert (found["checked"], found["is_together"]) == (False, False)
    assert found["target"] == {"n_items": 4 * 9999.0, "n_users": 2000.0}
    seconds, memory = found["costs"]["seconds"], found["costs"]["memory"]
    assert seconds["form"] == "power"
    assert seconds["exponents"]["n_items"]["mean"] == pytest.approx(0.2, abs=1e-3)
    assert seconds["exponents"]["n_items"]["low"] is not None
    assert seconds["exponents"]["n_users"]["mean"] == pytest.approx(0, abs=1e-3)
    assert seconds["exponents"]["n_users"]["low"] is None  # two sizes say too little
    assert seconds["predicted"]["mean"] == pytest.approx(SEARCH * 40_000**0.2, rel=1e-3)
    assert memory["form"] == "affine"
    assert memory["predicted"]["mean"] == pytest.approx(3e8 + 4e3 * 4 * 9999 + 2e3 * 2000)
    assert "features" not in found["costs"]


def test_a_size_far_beyond_the_others_is_kept_out_and_checks_them() -> None:
    large = at(40_000, 2000, "four_times", peak_memory_bytes=9e8)
    (found,) = growth([*GRID, large])
    assert found["checked"]
    assert found["target"] == {"n_items": 39_999.0, "n_users": 2000.0}
    assert len(found["sizes"]) == len(GRID)
    (check,) = found["costs"]["seconds"]["checks"]
    assert (check["cell"], check["is_near"]) == ("four_times", True)
    assert check["relative_error"] == pytest.approx(0, abs=1e-3)
    (check,) = found["costs"]["memory"]["checks"]
    assert check["relative_error"] == pytest.approx((3e8 + 4e3 * 39_999 + 4e6) / 9e8 - 1)
    assert not check["is_near"]
    assert not check["is_inside"]
    for axis in ("n_items", "n_users"):
        assert (
            found["costs"]["memory"]["exponents"][axis]
            == growth(GRID)[0]["costs"]["memory"]["exponents"][axis]
        )


def test_with_fewer_than_three_sizes_that_is_said() -> None:
    (found,) = growth([at(1000, 500), at(40_000, 500)])
    assert found["reason"] == "A fit needs 3 sizes in items or in users. Got 2."
    assert growth([at(1000, 500)]) == []


def test_items_and_users_that_grow_together_are_one_axis() -> None:
    (found,) = growth([at(1000 * n, 500 * n) for n in (1, 2, 4, 8)])
    assert (found["axes"], found["is_together"]) == (["n_items"], True)
    assert found["target"] == {"n_items": 4 * 7999.0, "n_users": 4 * 4000.0}


def test_only_sizes_may_differ_within_a_family() -> None:
    lists = [at(n, 500, f"clusters,n_items={n},n_users=500", "source") for n in (1000, 3000, 9000)]
    other = [at(n, 500, f"popularity,n_items={n},n_users=500", "source") for n in (1000, 3000, 9000)]
    flat = [
        at(
            n,
            500,
            f"n_items={n},index=flat",
            build={"dataset.n_items": n},
            overrides=[f"dataset.n_items={n}"],
        )
        for n in (1000, 3000, 9000)
    ]
    lost = failed("n_items=90000,n_users=500,index=hnsw", "Too large.")
    found = families([*GRID, lost, *lists, *other, *flat])
    assert [(one.name, one.kind, len(one.cells)) for one in found] == [
        ("index=hnsw", "two_stage", 6),
        ("clusters", "source", 3),
        ("popularity", "source", 3),
        ("index=flat", "two_stage", 3),
    ]
