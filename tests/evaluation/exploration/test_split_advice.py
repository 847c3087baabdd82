"""The advice: its facts are those of the split itself, and the cut-off is one that has what it claims."""

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.errors import DataContractError, ParameterError
from dataset.interactions import SECONDS_PER_DAY
from dataset.splits.temporal import Temporal
from evaluation.exploration.cutoffs import cutoffs
from evaluation.exploration.split_advice import NEEDS, SplitNeeds, split_advice
from evaluation.exploration.timeline import day_of
from tests.evaluation.exploration.logs import START, TARGETS, interactions, material_of, random_log

LOW = SplitNeeds(queries=10, test_days=20, history_days=60)


@settings(max_examples=8)
@given(seed=st.integers(0, 10_000), n=st.integers(30, 200), launched=st.integers(-10, 200))
def test_the_facts_of_a_cutoff_are_those_of_the_split(seed, n, launched):
    log = random_log(seed, n, 12, 9, 240, kinds=("purchase", "rating", "view"))
    material = material_of(log, 12, 9, launched={0: launched, 3: launched + 40})
    for cutoff in cutoffs(material)[::3]:
        try:
            split = Temporal(cutoff=day_of(cutoff.moment), n_training=1, target_kinds=TARGETS)
            test = split.split(material.dataset).test
        except DataContractError:
            continue
        assert len(test.queries) == cutoff.queries
        assert int(test.is_warm.sum()) == cutoff.with_history
        assert len(test.truth.items.values) == cutoff.truth
        unknown = ~test.catalogue[test.truth.items.values]
        assert unknown.mean() == pytest.approx(cutoff.cold_items)
        target = log.is_kind(TARGETS)
        assert cutoff.share_after == pytest.approx((log.time[target] >= cutoff.moment).mean())


@settings(max_examples=6)
@given(seed=st.integers(0, 1000), days=st.integers(40, 500))
def test_as_many_training_windows_fit_as_are_promised(seed, days):
    material = material_of(random_log(seed, 300, 20, 9, days), 20, 9)
    for cutoff in cutoffs(material)[-3:]:
        if cutoff.training_windows < 1:
            continue
        for n, fits in ((cutoff.training_windows, True), (cutoff.training_windows + 1, False)):
            try:
                warnings = (
                    Temporal(cutoff=day_of(cutoff.moment), n_training=n).split(material.dataset).warnings
                )
            except DataContractError:
                continue
            assert any("shortened" in warning for warning in warnings) != fits


def test_the_latest_cutoff_that_meets_every_need_is_advised():
    material = material_of(random_log(0, 6000, 200, 40, 700), 200, 40)
    advice = split_advice(material, LOW, None)
    assert all(advice["chosen"]["met"].values())
    assert set(advice["chosen"]["met"]) == set(NEEDS)
    later = [c for c in advice["candidates"] if c["day"] > advice["cutoff"]]
    assert all(not all(c["met"].values()) for c in later)
    assert advice["override"] == f"split=temporal split.cutoff={advice['cutoff']}"
    assert any(
        f"{advice['chosen']['with_history']:,} users with history" in line for line in advice["arguments"]
    )


def test_a_need_moves_the_cutoff_and_what_is_lacking_is_said():
    material = material_of(random_log(0, 6000, 200, 40, 700), 200, 40)
    moved = {
        name: split_advice(material, SplitNeeds(**{**asdict(LOW), **change}), None)["cutoff"]
        for name, change in {"low": {}, "days": {"test_days": 70}, "windows": {"training_windows": 3}}.items()
    }
    assert moved["days"] < moved["low"]
    impossible = split_advice(material, SplitNeeds(**{**asdict(LOW), "share_after": 0.001}), None)
    assert impossible["cutoff"] is not None
    assert any("lacks" in line and NEEDS["share"] in line for line in impossible["arguments"])


def test_a_test_that_falls_into_a_season_is_avoided():
    material = material_of(random_log(0, 6000, 200, 40, 700), 200, 40)
    index = [1.0] * 12
    plain = split_advice(material, LOW, None)["cutoff"]
    index[int(plain[5:7]) - 1] = 1.4
    advice = split_advice(material, LOW, {"index": index})
    assert advice["cutoff"] != plain
    assert abs(advice["chosen"]["season"] - 1) <= LOW.season


def test_sequences_are_split_by_their_last_item():
    events = [(user, step, "purchase", 30 - step) for user in range(4) for step in range(4)]
    advice = split_advice(material_of(interactions(events)), LOW, None)
    assert advice["override"] == "split=leave_last_out"
    assert "benchmark" in advice["reading"]


def test_a_log_that_cannot_be_cut_says_so():
    advice = split_advice(
        material_of(interactions([(0, 0, "purchase", 3), (1, 1, "purchase", 3)])), LOW, None
    )
    assert advice["kind"] is advice["override"] is None
    assert advice["candidates"] == []


@pytest.mark.parametrize("days", [5, 40, 300])
def test_cutoffs_follow_the_calendar(days):
    material = material_of(random_log(1, 500, 30, 9, days), 30, 9)
    moments = np.array([cutoff.moment for cutoff in cutoffs(material)]) // SECONDS_PER_DAY
    assert (moments > START).all()
    if days == 300:
        assert all(day_of(int(day) * SECONDS_PER_DAY).endswith("-01") for day in moments)
    if days == 40:
        assert len(moments) > 20


def test_needs_are_checked():
    with pytest.raises(ParameterError, match="'queries' parameter of SplitNeeds"):
        SplitNeeds(queries=0)
