"""The file of cells: in the plan's order, whole at any moment, and of one grid."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataset.errors import ArtefactError, ConfigurationError
from pipeline.benchmarking.cell import KEYS, TIMINGS, line_of, without_timings
from pipeline.benchmarking.plan import Plan, PlannedCell
from pipeline.benchmarking.results import CELLS, Results, read_cells, share_of


def planned(name: str, kind: str = "two_stage", data: str = "d") -> PlannedCell:
    return PlannedCell(name, kind, {"a": 1}, {}, ("a=1",), "", data, "m", "", f"key of {name}")


PLAN = Plan((planned("exhaustive", "exhaustive"), planned("one"), planned("two")), {}, {}, {}, ())


def facts(ndcg: float = 0.5, seconds: float = 1.0) -> dict[str, Any]:
    return {
        "status": "done",
        "ndcg@10": {"mean": ndcg, "low": 0, "high": 1},
        "seconds_per_user": {"total": seconds},
    }


def keep_values(results: Results, **values: list[float]) -> None:
    (results.folder / "values").mkdir(exist_ok=True)
    for cell in results.plan.cells:
        np.save(results.values(cell), np.array(values.get(cell.name, [1.0, 1.0, 1.0])))


def test_lines_come_in_the_order_of_the_plan_whichever_is_done_first(tmp_path: Path) -> None:
    results = Results.opened(tmp_path, PLAN)
    keep_values(results)
    for at in (2, 0, 1):
        results.add(PLAN.cells[at], facts())
        assert [line["cell"] for line in read_cells(tmp_path / CELLS)] == [
            cell.name for cell in PLAN.cells if cell.key in results.lines
        ]
    assert results.pending() == []
    lines = [json.loads(line) for line in (tmp_path / CELLS).read_text(encoding="utf-8").splitlines()]
    assert all(tuple(line) == KEYS for line in lines)


def test_what_is_there_is_not_done_again_unless_it_failed_and_shall(tmp_path: Path) -> None:
    results = Results.opened(tmp_path, PLAN)
    keep_values(results)
    results.add(PLAN.cells[0], facts())
    results.add(PLAN.cells[1], {"status": "failed", "reason": "It must. Got nothing."})
    again = Results.opened(tmp_path, PLAN)
    assert [cell.name for cell in again.pending()] == ["two"]
    assert again.lines == results.lines
    retried = Results.opened(tmp_path, PLAN, retry=True)
    assert [cell.name for cell in retried.pending()] == ["one", "two"]


def test_a_folder_of_another_grid_is_refused(tmp_path: Path) -> None:
    results = Results.opened(tmp_path, PLAN)
    keep_values(results)
    for cell in PLAN.cells:
        results.add(cell, facts())
    fewer = Plan(PLAN.cells[:1], {}, {}, {}, ())
    with pytest.raises(ConfigurationError, match=r"Got one and others; take another folder: out=DIR\."):
        Results.opened(tmp_path, fewer)


def test_shares_are_over_the_queries_of_both(tmp_path: Path) -> None:
    results = Results.opened(tmp_path, PLAN)
    keep_values(results, exhaustive=[0.4, np.nan, 0.8], one=[0.3, 0.9, 0.6])
    whole = results.add(PLAN.cells[0], facts(seconds=2.0))
    assert whole["share_of_exhaustive"] == {"ndcg@10": 1.0, "seconds": 1.0}
    line = results.add(PLAN.cells[1], facts(seconds=0.5))
    assert line["share_of_exhaustive"] == {"ndcg@10": pytest.approx(0.75), "seconds": 0.25}


def test_without_an_exhaustive_cell_there_is_no_share(tmp_path: Path) -> None:
    cells = (planned("exhaustive", "exhaustive", "other data"), planned("one"))
    results = Results.opened(tmp_path, Plan(cells, {}, {}, {}, ()))
    keep_values(results)
    results.add(cells[0], facts())
    assert results.add(cells[1], facts())["share_of_exhaustive"] is None
    broken = Results.opened(tmp_path / "broken", PLAN)
    broken.folder.mkdir()
    broken.add(PLAN.cells[0], {"status": "failed", "reason": "No."})
    assert broken.add(PLAN.cells[1], facts())["share_of_exhaustive"] is None


@given(values=st.lists(st.sampled_from([np.nan, 0.0, 0.5, 1.0]), min_size=1), scale=st.floats(0.1, 3))
def test_the_share_of_a_multiple_is_its_factor(values: list[float], scale: float) -> None:
    whole = np.array(values)
    share = share_of(whole * scale, whole)
    if np.nansum(whole):
        assert share == pytest.approx(scale)
    else:
        assert share is None


def test_a_line_has_all_keys_and_no_other() -> None:
    line = line_of({"cell": "a", "threads": 2})
    assert tuple(line) == KEYS
    assert line["n_items"] is None
    with pytest.raises(ValueError, match="Got celll"):
        line_of({"celll": "a"})
    assert not set(without_timings(line)) & set(TIMINGS)


@pytest.mark.parametrize("text", ["{", "[]", '{"cel": 1}', "3"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / CELLS).write_text(text + "\n", encoding="utf-8")
    with pytest.raises(ArtefactError, match="must hold a cell a line"):
        read_cells(tmp_path / CELLS)
