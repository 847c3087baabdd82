"""What is told of the cells: the page is made of them alone, self-contained, escaped, the same every time."""

import re
from typing import Any

import numpy as np
import pytest

from evaluation.scaling.answer import answer, notes
from evaluation.scaling.conclusions import conclusions
from evaluation.scaling.page import render
from evaluation.scaling.table import COLUMNS, as_markdown_table
from tests.evaluation.scaling.lines import cell, failed
from tests.evaluation.scaling.test_growth import GRID, at
from tests.evaluation.scaling.test_learning_curve import KEY
from tests.evaluation.test_report import Tags

HOSTILE = "<script>alert('x')</script>"


def told(cells: list[dict[str, Any]], values: dict[str, Any] | None = None) -> dict[str, Any]:
    """What the pipeline writes of cells."""
    found = {"name": f"a grid {HOSTILE}", "base": ["seed=1"], "judged": "judged on the test"}
    found |= conclusions(cells, values or {})
    found |= {"answer": answer(found), "notes": notes(found), "commands": None}
    if found["recommended"]:
        found["commands"] = {
            "said": "Again:", "reproduce": f"glowrank {HOSTILE}", "test_said": "Once:", "test": "glowrank",
        }  # fmt: skip
    return found


CELLS = [
    cell("best", 0.2, 0.008),
    cell("near", 0.199, 0.002, share_of_exhaustive={"ndcg@10": 0.985, "seconds": 0.025}),
    cell("poor", 0.1, 0.001),
    cell("popularity", 0.05, 0.0001, kind="source"),
    cell("exhaustive", 0.3, 0.08, kind="exhaustive", n_queries=10),
    failed("failed", f"It must end. Got {HOSTILE}."),
]
LARGE = at(40_000, 2000, "four_times")
NOT_MEASURED = {"seconds_of_fit": None, "peak_memory_bytes": None, "index_bytes": None}
SLOW = pytest.mark.slow
VALUES = {
    "best": np.full(40, 0.2),
    "near": np.full(40, 0.199),
    "exhaustive": np.where(np.arange(40) < 10, 0.202, np.nan),
}


def test_the_answer_is_a_sentence_and_says_what_it_costs() -> None:
    found = told(CELLS, VALUES)
    assert found["answer"] == (
        "Run near: nDCG@10 0.1990 [0.1890–0.2090], the cheapest within 1 % of the best, at 25.0 % of its "
        "time, for 2 ms a user and 400 MB."
    )
    assert found["notes"] == [
        "It has 98.5 % of the nDCG@10 of ranking the whole catalogue (95 % interval 98.5 % to 98.5 %, over "
        "10 users), at 2.5 % of its time per user.",
        "To best, the best, its nDCG@10 differs by -0.50 % (95 % interval -0.50 % to -0.50 %, over the same "
        "users).",
    ]


def test_a_yardstick_of_fewer_users_stands_by_its_difference() -> None:
    (entry,) = told(CELLS, VALUES)["data"]
    assert entry["to_best"]["exhaustive"]["level"] == pytest.approx(0.202)
    assert entry["frontier"] == ["popularity", "poor", "near", "best"]


@pytest.mark.parametrize(
    "cells",
    [
        pytest.param(CELLS, id="cells", marks=SLOW),
        pytest.param([failed("failed", "No.")], id="failed"),
        pytest.param([cell("list", kind="source")], id="list"),
        pytest.param([cell("alone", **NOT_MEASURED)], id="alone", marks=SLOW),
        pytest.param([*GRID, LARGE, at(90_000, 10, "oracle", "oracle")], id="growth", marks=SLOW),
        pytest.param(
            [cell(f"{n}", 0.1 + n / 1e4, build={KEY: n}) for n in (1, 2, 3)], id="learning", marks=SLOW
        ),
    ],
)
def test_the_page_needs_nothing_else(cells: list[dict[str, Any]]) -> None:
    found = told(cells, VALUES)
    page = render(cells, found)
    tags = Tags(page)
    assert tags.open == []
    assert "script" not in {name for name, _ in tags.tags}
    assert not re.search(r"(src|srcset|href)=[\"'](?!data:)", page)
    assert cells is not CELLS or page == render(cells, found)
    for one in cells:
        assert (one["reason"] or "").split("<")[0] in page
    table = as_markdown_table(cells, found)
    n_done = sum(one["status"] == "done" for one in cells)
    assert table.count("|\n") == 2 + n_done + (2 + len(found["failed"]) if found["failed"] else 0)
    assert {line.count("|") for line in table.splitlines()[: 2 + n_done]} == {len(COLUMNS) + 1}


@pytest.mark.slow
def test_the_page_shows_growth_and_the_check() -> None:
    cells = [*GRID, LARGE]
    page = render(cells, told(cells))
    assert "How costs grow" in page
    assert page.count('class="yes"') == 6  # time, search, ranking, memory, index, fit
    assert "39,999 items and 2,000 users" in page
