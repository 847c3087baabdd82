"""The plots of the page: whole, without a script, drawn without a warning."""

import warnings
from xml.etree import ElementTree

import pytest

from evaluation.exploration.drawings import DRAWINGS
from evaluation.exploration.report import render
from evaluation.plots.bars import bars
from evaluation.plots.columns import columns
from evaluation.plots.cutoff_lines import cutoff_lines
from evaluation.plots.day_curves import day_curves
from evaluation.plots.drift_map import drift_map
from evaluation.plots.interval_rows import interval_rows
from evaluation.plots.month_lines import month_lines
from tests.evaluation.exploration.test_page import HOSTILE, explored
from tests.evaluation.test_report import Tags, svgs


def test_nothing_is_drawn_of_nothing():
    assert month_lines({}, ["2022-01", "2022-02"], "x") is None
    assert month_lines({"a": [None, None]}, ["2022-01", "2022-02"], "x") is None
    assert columns({}, "x", "y") is None
    assert bars({"a": {}}, "x") is None
    assert day_curves({"a": {"days": [1], "share": [0.5]}}, "x") is None
    assert interval_rows({"a": {"b": {"mean": None, "low": None, "high": None}}}, "x") is None
    assert drift_map({"a": {"psi": [None], "by_chance": [None]}}, ["2022-01"]) is None
    assert cutoff_lines([], "2022-01-01") is None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Shop", HOSTILE])
def test_all_plots_are_whole(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        page = render(explored(name))
    tags = Tags(page)
    assert tags.open == []
    assert "script" not in {tag for tag, _ in tags.tags}
    drawings = svgs(page)
    assert len(drawings) >= 40
    for drawing in drawings:
        assert b"<script" not in drawing
        names = {element.tag.rpartition("}")[2] for element in ElementTree.fromstring(drawing).iter()}
        assert "script" not in names


@pytest.mark.slow
def test_descriptions_hold_the_figures():
    content = explored()
    activity = DRAWINGS["activity_and_popularity"](content["activity_and_popularity"])
    assert "the smaller half holds" in activity["lorenz"].description
    cut = content["split_advice"]["cutoff"]
    assert f"at {cut}" in DRAWINGS["split_advice"](content["split_advice"])["cutoffs"].description
