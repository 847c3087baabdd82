"""The model card: made of the facts of the run, escaped, and honest about limits."""

import re

import pytest

from evaluation.brief import Brief
from evaluation.report.limits import limits
from evaluation.report.report import render, render_model_card
from tests.evaluation.test_report import HOSTILE, content, interval

SPLIT = {
    "kind": "Temporal",
    "test": {"cutoff": "2022-11-30", "history": 9, "queries": 12, "warm": 8, "catalogue": 70},
}


def told(**changed):
    texts = {"problem": "p of $items", "audience": "a", "decision": "d", "needs": {"events": "n"}}
    risks = {"drift": {"what": "w", "watch": "s", "who": "o"}}
    return Brief(**{**texts, "risks": risks, **changed})


def filled(name="ease", **more):
    base = content(name)
    data = {"name": name, "users": 20, "items": 80, "interactions": 99}
    metrics = {**base.metrics, "dataset": data, "split": SPLIT, **more.pop("metrics", {})}
    brief = told().tell(metrics, 10)
    return content(name, metrics=metrics, model={"ranker": name}, brief=brief, **more)


def test_it_says_what_the_run_found():
    card = render_model_card(filled())
    assert "p of 80" in card
    assert "| test | 2022-11-30 | 9 | 12 | 8 | 70 |" in card
    assert "| two_stage | 0.0500 | 0.0450 to 0.0550 |" in card
    assert "4 users without history: nDCG 0.0100" in card
    assert "1,312 of interactions" in card
    assert "- **drift.** w Seen by: s Watched by: o." in card


def test_hostile_names_stay_text():
    card = render_model_card(filled(HOSTILE))
    assert "<script>" not in card
    assert not re.search(r"^#.*\n.*alert", card.split("\n", 1)[1])


@pytest.mark.slow
def test_the_report_shows_the_brief():
    page = render(filled())
    assert "What could go wrong, and who watches" in page
    assert "Learning pays here" in page


def test_limits_come_with_their_figures():
    weak = {"skin": {"two_stage": {"dry": {**interval(0.01), "n": 80}, "oily": {**interval(0.06), "n": 90}}}}
    said = limits(filled(groups=weak, warnings=("shortened",), notes=()))
    assert "70.0% of what users took next" in said[0]
    assert "4 users without history: nDCG 0.0100 against 0.0500" in said[1]
    assert "Users of skin 'dry' (80) are served worse" in said[2]
    assert said[3] == "shortened"


def test_small_groups_and_uncertain_ones_are_no_limits():
    few = {"skin": {"two_stage": {"dry": {**interval(0.01), "n": 3}}}}
    unsure = {"skin": {"two_stage": {"dry": {"mean": 0.01, "low": 0.0, "high": 0.2, "n": 80}}}}
    for groups in (few, unsure):
        assert not any("served worse" in line for line in limits(filled(groups=groups)))
