"""Paired differences of runs: what they are, when there are none, and how they are shown."""

import io
import re

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from evaluation.comparison import Compared, Comparison, compare, compare_all
from evaluation.comparison_table import (
    compared_metrics,
    differences_table,
    markdown_table,
    notes,
    reading,
    significance_markdown,
    significance_page,
    significance_table,
)
from evaluation.intervals import bootstrap, paired_difference
from evaluation.significance import holm, minimum_detectable_effect, randomisation_test
from evaluation.table import signed

METRICS = ("recall@10", "ndcg@10")
FIGURES = {"mean": 0.05234, "low": 0.0491, "high": 0.0556}
BETTER = {"mean": 0.0012, "low": -0.0003, "high": 0.0027}


def values(n=60, seed=0, **changed):
    """As in `queries.parquet`: every third user has no history, every tenth nothing to find."""
    random = np.random.default_rng(seed)
    user = np.array([f"u{number:03d}" for number in range(n)])
    n_relevant = np.where(np.arange(n) % 10 == 9, 0, 1 + np.arange(n) % 3)
    frame = pd.DataFrame({"user": user, "is_warm": np.arange(n) % 3 > 0, "n_relevant": n_relevant})
    for metric in METRICS:
        drawn = random.random(n)
        frame[f"two_stage/{metric}"] = np.where(n_relevant > 0, drawn, np.nan).astype(np.float32)
    return frame.assign(**changed)


def compared(run, first, metrics=METRICS):
    return compare(run, first, metrics, n_resamples=300, seed=0)


def test_a_difference_that_is_known():
    first = values()
    moved = first["two_stage/recall@10"] + np.where(first["is_warm"], 0.25, 7.0)
    found = compared(first.assign(**{"two_stage/recall@10": moved}), first)
    assert found.refused == ""
    assert found.figures["recall@10"] == pytest.approx({"mean": 0.25, "low": 0.25, "high": 0.25})
    assert found.figures["ndcg@10"] == {"mean": 0, "low": 0, "high": 0}


def test_it_is_that_of_the_users_with_history():
    run, first = values(seed=1), values(seed=2)
    warm = (first["is_warm"] & (first["n_relevant"] > 0)).to_numpy()
    for metric in METRICS:
        mine, others = (frame[f"two_stage/{metric}"].to_numpy(np.float64)[warm] for frame in (run, first))
        expected = paired_difference(mine, others, n_resamples=300, seed=0).as_json()
        found = compared(run, first).figures[metric]
        assert found == expected
        assert found["mean"] == pytest.approx(mine.mean() - others.mean())
        assert found["low"] < found["mean"] < found["high"]


def test_the_resamples_are_those_of_the_first_run_alone():
    first = values(seed=2)
    asked = first[first["is_warm"] & (first["n_relevant"] > 0)]
    own = bootstrap(asked[[f"two_stage/{name}" for name in METRICS]].to_numpy(float), n_resamples=300, seed=0)
    nothing = first.assign(**{f"two_stage/{name}": 0.0 for name in METRICS})
    found = compared(first, nothing).figures
    assert list(found.values()) == [interval.as_json() for interval in own.intervals()]


def test_the_order_of_the_users_does_not_matter():
    run, first = values(seed=1), values(seed=2)
    assert compared(run.sample(frac=1, random_state=3), first) == compared(run, first)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (values(61), "it asked 61 users instead of 60"),
        (values(user=[f"v{number:03d}" for number in range(60)]), "60 of its 60 users are others"),
        (values(n_relevant=values()["n_relevant"] + (values()["user"] == "u003")), "1 of its 60 users have"),
        (values(is_warm=~values()["is_warm"]), "60 of its 60 users have another history"),
    ],
    ids=["more users", "other users", "other truth", "other history"],
)
def test_other_questions_are_not_compared(changed, said):
    found = compared(changed, values())
    assert found.figures == {}
    assert said in found.refused


def test_only_what_both_have_measured_is_compared():
    lacking = values().drop(columns="two_stage/recall@10")
    assert list(compared(lacking, values()).figures) == ["ndcg@10"]
    assert "have no mrr@5" in compared(values(), values(), ["mrr@5"]).refused


ROWS = [
    Compared(
        label="as configured",
        metrics={
            "runs": {"two_stage": {"recall@10": FIGURES, "ndcg@10": FIGURES}},
            "retrieval": {"fused": {"recall_all": FIGURES}},
            "seconds": {"total": 1185.07},
        },
    ),
    Compared(
        label="without retrieval.sources.ease",
        metrics={"runs": {"two_stage": {"recall@10": FIGURES, "ndcg@10": FIGURES}}},
        comparison=Comparison({"recall@10": BETTER, "ndcg@10": {"mean": 0.1, "low": None, "high": None}}),
    ),
    Compared(
        label="exclude={a|b: product.*}",
        metrics={"runs": {}},
        comparison=Comparison(refused="it asked 9 users instead of 8"),
    ),
    Compared(label="broken", metrics={}, error="It must be\nhealthy."),
]


def test_a_difference_as_text():
    assert signed(BETTER) == "+0.0012 [-0.0003 to +0.0027]"
    assert signed({"mean": -0.1, "low": None, "high": None}) == "-0.1000"
    assert signed(None) == signed({"mean": None, "low": None, "high": None}) == "–"


def test_the_terminal_shows_differences_only():
    console = Console(file=io.StringIO(), width=80)
    console.print(differences_table(ROWS))
    text = console.file.getvalue()
    assert "Difference to 'as configured'" in text
    assert "+0.0012 [-0.0003 to +0.0027]" in text
    assert "…" not in text
    assert "exclude" not in text
    assert "broken" not in text
    assert differences_table(ROWS[:1]) is None


def test_what_a_table_cannot_show_is_said():
    assert notes(ROWS) == [
        "'broken' failed: It must be\nhealthy.",
        "'exclude={a|b: product.*}' is not compared with 'as configured': it asked 9 users instead of 8.",
    ]


def test_markdown_has_a_row_a_run_and_cells_that_hold():
    head, rule, *rows, empty, said = markdown_table(ROWS).splitlines()
    assert head.startswith("| run | recall@10 | nDCG@10 |")
    assert empty == ""
    assert len(rows) == 3
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in (head, rule, *rows)} == {8}
    assert rows[0] == (
        "| as configured | 0.0523 [0.0491–0.0556] | 0.0523 [0.0491–0.0556] | – | – | 0.0523 | 1,185.1 |"
    )
    assert "| +0.0012 [-0.0003 to +0.0027] | +0.1000 |" in rows[1]
    assert r"exclude={a\|b: product.\*}" in rows[2]
    assert "Differences are to 'as configured'" in said
    assert "'broken' failed: It must be healthy." in said


def test_the_cut_off_is_that_of_the_report():
    assert compared_metrics(5) == ("recall@5", "ndcg@5")
    assert "| run | recall@5 | nDCG@5 |" in markdown_table(ROWS, headline=5)


def all_compared(*runs):
    return compare_all(runs, METRICS, n_resamples=300, n_draws=400, seed=0)


def test_several_runs_have_the_figures_of_each_alone_and_p_adjusted_for_all():
    first, others = values(seed=2), [values(seed=1), values(seed=3), values(61), values(seed=4)]
    found = all_compared(first, *others)
    assert [comparison.refused[:8] for comparison in found] == ["", "", "it asked", ""]
    own = [comparison for comparison in found if comparison.figures]
    for metric in METRICS:
        p = np.array([comparison.figures[metric]["p"] for comparison in own])
        adjusted = [comparison.figures[metric]["p_holm"] for comparison in own]
        assert adjusted == holm(p).tolist()
    warm = (first["is_warm"] & (first["n_relevant"] > 0)).to_numpy()
    for comparison, run in zip(found, others, strict=True):
        alone = compared(run, first).figures
        for metric, figures in comparison.figures.items():
            assert {name: figures[name] for name in ("mean", "low", "high")} == alone[metric]
            column = f"two_stage/{metric}"
            difference = (run[column].astype(float) - first[column].astype(float)).to_numpy()[warm, None]
            assert figures["p"] == randomisation_test(difference, n_draws=400, seed=0)[0]
            assert figures["detectable"] == minimum_detectable_effect(difference)[0]
            assert figures["n"] == warm.sum()


def test_a_run_beside_itself_differs_by_nothing():
    (found,) = all_compared(values(), values())
    for figures in found.figures.values():
        assert figures == {"mean": 0, "low": 0, "high": 0, "p": 1, "p_holm": 1, "detectable": 0, "n": 36}


TESTED = [
    Compared(label="first", metrics={"runs": {"two_stage": {"ndcg@10": FIGURES}}}),
    Compared(
        label="<script>|new",
        metrics={"runs": {"two_stage": {"ndcg@10": FIGURES}}},
        comparison=Comparison(
            {"ndcg@10": {**BETTER, "p": 0.012, "p_holm": 0.024, "detectable": 0.002, "n": 4567}}
        ),
    ),
    ROWS[2],
]


def test_the_tests_are_shown_in_the_terminal_and_as_markdown():
    console = Console(file=io.StringIO(), width=110)
    console.print(significance_table(TESTED, ["ndcg@10"]))
    cells = ("+0.0012 [-0.0003 to +0.0027]", "0.0120", "0.0240", "0.0020", "4,567")
    assert all(cell in console.file.getvalue() for cell in cells)
    page = significance_markdown(TESTED, ["ndcg@10"], reading(TESTED, 10_000))
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert len(rows) == 5
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {9}
    assert all(cell in page for cell in cells[1:])
    assert "10,000 draws" in page
    assert "it asked 9 users instead of 8" in page


def test_the_page_needs_nothing_else_and_bears_any_name():
    page = significance_page(TESTED, ["ndcg@10"], reading(TESTED, 10_000))
    assert "<script" not in page
    assert "&lt;script&gt;|new" in page
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page
    assert not re.findall(r'(?:src|srcset|href)="(?!data:)|url\(|@import', page)
    assert page.count("<figure>") == 1
    assert page == significance_page(TESTED, ["ndcg@10"], reading(TESTED, 10_000))
    assert "<figure>" not in significance_page(TESTED[:1], ["ndcg@10"], [])
