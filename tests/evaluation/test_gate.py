"""The decision: what it promotes, what it refuses and names, on values by query made by hand."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataset.errors import ParameterError
from evaluation.gate import Evidence, Gate, decide

METRIC = "ndcg@10"
GATE = Gate(n_resamples=400)
SKEW = {
    "passed": True,
    "limit": 0.25,
    "worst": {"feature": "activity.age", "psi": 0.2, "ks": 0.1},
    "features": {
        "activity.age": {"psi": 0.2, "ks": 0.1, "by_chance": 0.01, "importance": 0.3},
        "activity.days": {"psi": 0.9, "ks": 0.4, "by_chance": 0.01, "importance": 0.0},
        "group.rare": {"psi": 0.8, "ks": 0.3, "by_chance": 0.95, "importance": 0.2},
    },
}
AUDIT = {"run": "abc", "complete": True, "passed": True}
N = 900


def values(seed=0, **runs):
    """As in `queries.parquet`: each run gets a share of what a user can have; a tenth has no history."""
    random = np.random.default_rng(seed)
    possible = np.where(random.random(N) < 0.6, random.random(N), 0)
    frame = pd.DataFrame({"user": [f"u{n:03d}" for n in range(N)], "is_warm": np.arange(N) % 10 > 0})
    frame["n_relevant"] = np.where(np.arange(N) % 45 == 1, 0, 2)
    for run, share in {
        "two_stage": 0.9,
        "reciprocal_rank_fusion": 0.7,
        "ease": 0.6,
        "random": 0.95,
        "oracle": 1.0,
        **runs,
    }.items():
        noise = random.normal(0, 0.02, N) * (possible > 0)
        frame[f"{run}/{METRIC}"] = np.where(frame["n_relevant"] > 0, possible * share + noise, np.nan).astype(
            "f4"
        )
    return frame


def groups():
    """A fifth has oily skin, a hundredth is of an age of its own, and of a few nothing is known."""
    number = np.arange(N)
    skin = np.where(number % 5 == 2, "oily", "dry").astype(object)
    skin[number % 97 == 0] = None
    return pd.DataFrame(
        {
            "user": [f"u{n:03d}" for n in number],
            "skin_type": skin,
            "age": np.where(number % 100 == 3, "99", "30"),
        }
    )


EVIDENCE = Evidence(
    metric=METRIC,
    values=values(),
    incumbent=values(two_stage=0.8),
    groups=groups(),
    skew=SKEW,
    audit=AUDIT,
    sha256="abc",
)


def with_main(main):
    """The evidence with other values of the run itself."""
    return replace(EVIDENCE, values=EVIDENCE.values.assign(**{f"two_stage/{METRIC}": main}))


def failed(decision):
    return [check.name for check in decision.checks if not check.passed]


def check(decision, name):
    return next(check for check in decision.checks if check.name == name)


def test_a_run_that_is_better_everywhere_is_promoted():
    decision = decide(GATE, EVIDENCE)
    assert decision.promoted
    assert [check.name for check in decision.checks] == [
        "fusion", "source ease", "against", "group skin_type: dry", "group skin_type: oily", "group age: 30",
        "skew", "audit",
    ]  # fmt: skip
    assert decision.verdict == "Promoted: all 8 checks passed."
    assert set(decision.not_judged) == {"skin_type: unknown", "age: 99"}


def test_a_ranker_trained_on_shuffled_labels_is_refused():
    """It orders the candidates as chance does: no better than what it is made of."""
    random = np.random.default_rng(1)
    learnt_nothing = EVIDENCE.values[f"ease/{METRIC}"].to_numpy() * random.random(N)
    decision = decide(GATE, with_main(learnt_nothing))
    assert not decision.promoted
    assert {"fusion", "source ease", "against"} <= set(failed(decision))
    assert "not shown to be better" in check(decision, "fusion").why
    assert decision.verdict.startswith("Refused: ")


def test_a_run_that_gains_overall_and_loses_a_group_is_refused_for_that_alone():
    oily = (groups()["skin_type"] == "oily").to_numpy()
    before = EVIDENCE.incumbent[f"two_stage/{METRIC}"].to_numpy()
    main = np.where(oily, before * 0.7, before * 1.3)
    decision = decide(GATE, with_main(main))
    assert check(decision, "against").passed
    assert failed(decision) == ["group skin_type: oily"]
    lost = check(decision, "group skin_type: oily")
    assert lost.figures["high"] < 0
    assert lost.figures["mean"] == pytest.approx(-0.3 * lost.figures["reference"], rel=1e-3)
    assert "falls by more than 10%" in lost.why


def test_without_an_incumbent_groups_are_compared_with_fusion():
    oily = (groups()["skin_type"] == "oily").to_numpy()
    fusion = EVIDENCE.values[f"reciprocal_rank_fusion/{METRIC}"].to_numpy()
    alone = replace(with_main(np.where(oily, fusion * 0.7, fusion * 1.4)), incumbent=None)
    decision = decide(GATE, alone)
    assert failed(decision) == ["group skin_type: oily"]
    assert "against reciprocal_rank_fusion's" in check(decision, "group skin_type: oily").why
    assert decide(GATE, replace(EVIDENCE, incumbent=None)).promoted


def test_a_fall_within_the_margin_passes_and_one_that_is_not_excluded_is_a_warning():
    oily = (groups()["skin_type"] == "oily").to_numpy()
    before = EVIDENCE.incumbent[f"two_stage/{METRIC}"].to_numpy()
    small = decide(GATE, with_main(np.where(oily, before * 0.95, before * 1.2)))
    assert small.promoted
    assert check(small, "group skin_type: oily").figures["high"] < 0
    noise = np.random.default_rng(3).permutation(before[oily])
    main = before * 1.2
    main[oily] = noise
    main[oily] -= np.nanmean(noise - before[oily]) + 0.12 * np.nanmean(before[oily])
    unsure = decide(GATE, with_main(main))
    found = check(unsure, "group skin_type: oily")
    assert found.passed
    assert found.warning
    assert "is not excluded" in found.why
    assert found.figures["mean"] < found.figures["allowed"]
    assert unsure.verdict == "Promoted: all 8 checks passed, 1 with a warning."


@pytest.mark.slow
@settings(max_examples=12)
@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.5, 1.5))
def test_a_larger_margin_never_refuses_more(one, other, share):
    oily = (groups()["skin_type"] == "oily").to_numpy()
    before = EVIDENCE.incumbent[f"two_stage/{METRIC}"].to_numpy()
    evidence = with_main(np.where(oily, before * share, before * 1.2))
    strict, lenient = (
        set(failed(decide(replace(GATE, margin=margin, n_resamples=200), evidence)))
        for margin in sorted((one, other))
    )
    assert lenient <= strict


def test_a_run_that_only_keeps_what_there_was_is_refused():
    evidence = replace(EVIDENCE, incumbent=EVIDENCE.values)
    assert failed(decide(GATE, evidence)) == ["against"]


def test_a_gain_that_may_be_chance_is_no_gain(monkeypatch):
    before = EVIDENCE.incumbent[f"two_stage/{METRIC}"].to_numpy()
    moved = before + np.random.default_rng(5).normal(0.01, 0.4, N)
    found = check(decide(GATE, with_main(moved)), "against")
    assert found.figures["low"] < 0 < found.figures["mean"]
    assert not found.passed
    assert "not shown to be better" in found.why
    monkeypatch.setattr("evaluation.gate.randomisation_test", lambda values, **_: np.zeros(values.shape[1]))
    assert not check(decide(GATE, with_main(moved)), "against").passed  # the interval alone is enough


def test_a_gain_of_a_handful_of_users_is_no_gain_though_its_interval_lies_above_zero():
    main = EVIDENCE.incumbent[f"two_stage/{METRIC}"].to_numpy().copy()
    asked = np.flatnonzero(EVIDENCE.values["is_warm"] & (EVIDENCE.values["n_relevant"] > 0))
    main[asked[:5]] += 0.5
    found = check(decide(GATE, with_main(main)), "against")
    assert found.figures["low"] > 0
    assert found.figures["p"] == pytest.approx(2 / 2**5, abs=0.01)
    assert not found.passed


def test_one_source_that_is_as_good_is_enough():
    twin = EVIDENCE.values.assign(**{f"content/{METRIC}": EVIDENCE.values[f"two_stage/{METRIC}"]})
    assert failed(decide(GATE, replace(EVIDENCE, values=twin))) == ["source content"]


def test_users_without_history_or_truth_decide_nothing():
    changed = EVIDENCE.values.copy()
    cold = ~(changed["is_warm"] & (changed["n_relevant"] > 0))
    changed.loc[cold, f"two_stage/{METRIC}"] = -100.0
    assert decide(GATE, replace(EVIDENCE, values=changed)) == decide(GATE, EVIDENCE)


def test_the_order_of_the_files_decides_nothing():
    moved = replace(
        EVIDENCE,
        incumbent=EVIDENCE.incumbent.sample(frac=1, random_state=1),
        groups=EVIDENCE.groups.sample(frac=1, random_state=2),
    )
    one, other = decide(GATE, moved), decide(GATE, EVIDENCE)
    assert [(c.name, c.passed) for c in one.checks] == [(c.name, c.passed) for c in other.checks]
    assert one.not_judged == other.not_judged


def test_other_questions_are_no_comparison():
    other = EVIDENCE.incumbent.assign(n_relevant=7)
    decision = decide(GATE, replace(EVIDENCE, incumbent=other))
    assert failed(decision) == ["against", "groups"]
    assert "have another number of items to find" in check(decision, "against").why


def test_small_groups_are_listed_and_not_judged():
    decision = decide(replace(GATE, min_users=100_000), EVIDENCE)
    assert decision.promoted
    assert check(decision, "groups").warning
    assert (
        sum(decision.not_judged.values())
        == 2 * decision.not_judged["age: 30"] + 2 * decision.not_judged["age: 99"]
    )


@pytest.mark.parametrize(
    ("missing", "name", "said"),
    [
        ({"skew": None}, "skew", "no skew figures; run it again"),
        ({"skew": {**SKEW, "passed": False}}, "skew", "activity.age with a PSI of 0.200, limit 0.25"),
        ({"groups": None}, "groups", "no groups.parquet"),
        ({"groups": groups()[9:]}, "groups", "labels other users"),
        ({"audit": None}, "audit", "glowrank audit RUN"),
        ({"audit": {}}, "audit", "is of another run"),
        ({"audit": {**AUDIT, "run": "abd"}}, "audit", "is of another run"),
        ({"audit": {**AUDIT, "complete": False}}, "audit", "ended early"),
        ({"audit": {**AUDIT, "passed": False}}, "audit", "found something"),
    ],
)  # fmt: skip
def test_what_is_missing_or_failed_refuses(missing, name, said):
    decision = decide(GATE, replace(EVIDENCE, **missing))
    assert failed(decision) == [name]
    assert said in check(decision, name).why


def test_a_run_without_fusion_cannot_be_judged():
    lacking = EVIDENCE.values.drop(columns=f"reciprocal_rank_fusion/{METRIC}")
    assert failed(decide(GATE, replace(EVIDENCE, values=lacking))) == ["fusion"]
    alone = replace(EVIDENCE, values=lacking, incumbent=None)
    assert failed(decide(GATE, alone)) == ["fusion", "groups"]


def test_an_audit_without_what_it_must_have_looked_at_passes_nothing():
    strict = replace(GATE, audit_checks=["future", "codes"])
    partial = replace(EVIDENCE, audit={**AUDIT, "checks": {"codes": {"passed": True}}})
    decision = decide(strict, partial)
    assert failed(decision) == ["audit"]
    assert "left out future;" in check(decision, "audit").why
    whole = {"codes": {"passed": True}, "future": {"passed": True}, "more": {"passed": True}}
    assert decide(strict, replace(EVIDENCE, audit={**AUDIT, "checks": whole})).promoted


def test_the_audit_may_be_left_out_by_config_only():
    decision = decide(replace(GATE, need_audit=False), replace(EVIDENCE, audit=None))
    assert decision.promoted
    assert "audit" not in [check.name for check in decision.checks]


def test_the_gate_has_a_limit_of_its_own_on_features_that_count():
    assert decide(replace(GATE, max_psi=0.2), EVIDENCE).promoted
    decision = decide(replace(GATE, max_psi=0.19), EVIDENCE)
    assert failed(decision) == ["skew"]
    assert check(decision, "skew").figures["above"] == ["activity.age"]
    lost = replace(EVIDENCE, skew={**SKEW, "passed": False})
    assert failed(decide(replace(GATE, max_psi=0.3), lost)) == ["skew"]
    assert decide(replace(GATE, max_psi=0.19, max_shifted_gain=0.3), EVIDENCE).promoted
    unlimited = decide(replace(GATE, max_psi=None), replace(EVIDENCE, skew={**SKEW, "limit": None}))
    assert unlimited.promoted
    assert check(unlimited, "skew").warning


def test_equal_evidence_gives_equal_decisions():
    assert decide(GATE, EVIDENCE) == decide(GATE, EVIDENCE)


@pytest.mark.parametrize(
    "wrong",
    [{"margin": -0.1}, {"margin": math.nan}, {"min_users": 1}, {"max_psi": "x"}, {"n_resamples": 10},
     {"max_shifted_gain": 2}, {"need_audit": 1}, {"metric": 3}, {"seed": -1}],
)  # fmt: skip
def test_parameters_are_checked(wrong):
    with pytest.raises(ParameterError, match=next(iter(wrong))):
        Gate(**wrong)
