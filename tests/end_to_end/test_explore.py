"""The command: a page, its twin, a table, and sentences for mistakes."""

import json

import pytest

from evaluation.exploration.report import render
from tests.end_to_end.commands import SHOP

pytestmark = pytest.mark.slow

QUICK = (
    "explore.n_draws=49", "explore.n_permutations=20", "explore.n_resamples=50", "measure.feature_queries=50",
    "features@measure.features=minimal",
)  # fmt: skip


def test_a_shop_is_explored(glowrank, tmp_path, monkeypatch):
    # Plots have their own tests, and drawing them takes longer than all else.
    monkeypatch.setattr("evaluation.plots.drawing._drawing", lambda *args, **kwargs: "data:,")
    out = tmp_path / "explored"
    outcome = glowrank("explore", *SHOP, *QUICK, f"out={out}", "cache_dir=null")
    assert outcome.code == 0, outcome.err
    twin = json.loads((out / "explore.json").read_text(encoding="utf-8"))
    assert (out / "report.html").read_text(encoding="utf-8") == render(twin)
    assert twin["split_advice"]["override"] in outcome.out
    assert "volumes" in outcome.out
    assert str(out / "report.html") in outcome.out.replace("\n", "")
    assert twin["preparation"]["tables"]["interactions"]["kept"] == twin["volumes"]["events"]
    again = glowrank("explore", *SHOP, *QUICK, f"out={out}", "cache_dir=null")
    assert again.code == 0, again.err  # its own folder may be written anew


def test_another_folder_is_left_alone(glowrank, tmp_path):
    (tmp_path / "letters.txt").write_text("mine")
    outcome = glowrank("explore", *SHOP, f"out={tmp_path}", "cache_dir=null")
    assert outcome.code == 2
    assert "out must be new, empty or the folder of an exploration" in outcome.sentence
    assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]


def test_an_unknown_setting_ends_in_a_sentence(glowrank, tmp_path):
    outcome = glowrank("explore", "explore.needs.queries=many", f"out={tmp_path / 'out'}")
    assert outcome.code == 2
    assert "'queries' parameter of SplitNeeds must be an int" in outcome.sentence
