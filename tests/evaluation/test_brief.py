"""The brief: its texts, the facts that they may name, and what it says of learning."""

import pytest

from dataset.errors import ParameterError
from evaluation.brief import FACTS, RISK, Brief, why_learning

METRICS = {
    "dataset": {"users": 1200, "items": 80, "interactions": 17913},
    "split": {"test": {"cutoff": "2022-11-30", "catalogue": 76}},
    "queries": {"all": 100, "warm": 75, "cold": 25},
    "runs": {
        "two_stage": {"ndcg@10": {"mean": 0.06, "low": 0.05, "high": 0.07}},
        "ease": {"ndcg@10": {"mean": 0.04, "low": 0.03, "high": 0.05}},
        "popularity": {"ndcg@10": {"mean": 0.01, "low": 0.0, "high": 0.02}},
    },
    "differences": {"two_stage - ease": {"ndcg@10": {"mean": 0.02, "low": 0.01, "high": 0.03}}},
}


def brief(**changed):
    texts = {"problem": "$items products", "audience": "shoppers", "decision": "to ship"}
    return Brief(**{**texts, **changed})


def test_every_fact_may_be_named():
    told = brief(problem=" ".join(f"${{{name}}}" for name in FACTS)).tell(METRICS, 10, ["skin_type", "age"])
    expected = "1,200 80 17,913 100 75 25 25% 76 2022-11-30 10 skin type, age"
    assert told.problem == expected


def test_facts_stand_in_needs_and_risks_too():
    risk = dict(zip(RISK, ("$cold are new", "nDCG", "we, for $$2"), strict=True))
    told = brief(needs={"events": "$interactions"}, risks={"cold": risk}).tell(METRICS, 10)
    assert told.needs == {"events": "17,913"}
    assert told.risks == {"cold": {"what": "25 are new", "watch": "nDCG", "who": "we, for $2"}}


@pytest.mark.parametrize(
    "changed",
    [
        {"problem": "$secret"},
        {"problem": "5 $ each"},
        {"problem": ""},
        {"audience": None},
        {"needs": {"events": 3}},
        {"risks": {"cold": {"what": "x", "watch": "y"}}},
        {"risks": {"cold": {"what": "$nothing", "watch": "y", "who": "z"}}},
    ],
)
def test_what_cannot_be_filled_in_is_refused_before_the_run(changed):
    with pytest.raises(ParameterError, match="Brief"):
        brief(**changed)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(0.01, 0.03, "Learning pays here"), (-0.01, 0.03, "not shown"), (-0.03, -0.01, "does not pay")],
)
def test_learning_is_judged_by_the_paired_interval(low, high, said):
    found = {"two_stage - ease": {"ndcg@10": {"mean": 0.02, "low": low, "high": high}}}
    sentence = why_learning(METRICS | {"differences": found}, 10)
    assert said in sentence
    assert "0.0600 against 0.0400 of ease" in sentence
    assert "+50%" in sentence


def test_without_another_list_nothing_is_claimed():
    alone = {"runs": {"two_stage": METRICS["runs"]["two_stage"]}, "differences": {}}
    assert "no list without learning" in why_learning(METRICS | alone, 10)
