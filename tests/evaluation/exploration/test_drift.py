"""Drift by month: what was planted is found, what is chance is not, and the figures are those of a loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from dataset.interactions import KINDS, SECONDS_PER_DAY, Interactions
from evaluation.exploration.divergence import jensen_shannon, population_stability, stability_by_chance
from evaluation.exploration.drift import drift
from tests.evaluation.exploration.logs import START, material_of

counts = st.lists(st.integers(0, 50), min_size=4, max_size=4)


@settings(max_examples=25)
@given(now=counts, then=counts)
def test_divergences(now, then):
    rows = [np.array([row], np.float64) for row in (now, then)]
    psi, js = population_stability(*rows)[0], jensen_shannon(*rows)[0]
    if not sum(now) or not sum(then):
        assert np.isnan(psi)
        assert np.isnan(js)
        return
    used = [at for at in range(4) if now[at] or then[at]]
    q = np.array([now[at] + 0.5 for at in used]) / (sum(now) + 0.5 * len(used))
    p = np.array([then[at] + 0.5 for at in used]) / (sum(then) + 0.5 * len(used))
    assert psi == pytest.approx(sum((q - p) * np.log(q / p)))
    assert js == pytest.approx(jensenshannon(now, then, base=2) ** 2, abs=1e-9)
    assert 0 <= js <= 1


def test_chance_exceeds_its_limit_as_often_as_it_says():
    random = np.random.default_rng(0)
    shares = np.array([0.4, 0.3, 0.2, 0.1])
    now, then = (random.multinomial(n, shares, 4000).astype(float) for n in (600, 1800))
    limit = stability_by_chance(now, then, np.full(4000, 600), np.full(4000, 1800))
    assert 0 <= (population_stability(now, then) > limit).mean() <= 0.004


def year(shift_at=None, n=9000, n_users=800, n_items=6):
    """A year of purchases without any pattern, whose items change at a month."""
    random = np.random.default_rng(1)
    day = np.sort(random.integers(0, 365, n))
    item = random.choice(n_items, n, p=[0.3, 0.25, 0.2, 0.15, 0.05, 0.05])
    if shift_at is not None:
        item = np.where(day >= shift_at, (item + 3) % n_items, item)
    log = Interactions(
        user=random.integers(0, n_users, n).astype(np.int32),
        item=item.astype(np.int32),
        kind=np.full(n, KINDS.index("purchase"), np.int8),
        value=np.full(n, np.nan, np.float32),
        time=(START + day) * SECONDS_PER_DAY,
    )
    return material_of(log.sorted(), n_users, n_items)


def test_a_planted_shift_is_found_in_its_month_and_nothing_else_is():
    calm, shifted = drift(year()), drift(year(shift_at=181))  # the first of July
    assert all(not of["shifted"] for of in calm["things"].values())
    assert "moved" in calm["reading"]
    for name in ("item", "price"):
        assert "2022-07" in shifted["things"][name]["shifted"]
        assert set(shifted["things"][name]["shifted"]) <= {"2022-07", "2022-08", "2022-09"}
        assert not {"2022-05", "2022-06"} & set(shifted["things"][name]["shifted"])
    assert not shifted["things"]["category"]["shifted"]  # the third item on is of the same category
    assert "item" in shifted["reading"]


def test_a_month_is_compared_with_the_months_before_it():
    material = year(shift_at=181)
    found = drift(material, trailing_months=2)
    month, item = material.timeline.month, material.events.item
    names = np.bincount(item)
    order = np.argsort(-names, kind="stable")
    for at in range(2, 12):
        now = np.bincount(item[month == at], minlength=6)[order][None].astype(float)
        then = np.bincount(item[(month == at - 1) | (month == at - 2)], minlength=6)[order][None].astype(
            float
        )
        assert found["things"]["item"]["psi"][at] == pytest.approx(population_stability(now, then)[0])
        assert found["things"]["item"]["js"][at] == pytest.approx(jensen_shannon(now, then)[0])
    assert found["things"]["item"]["psi"][0] is None


def test_thin_months_are_not_compared():
    assert drift(year(n=300)) is None
