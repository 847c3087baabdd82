"""Tables for the terminal."""

import io

from rich.console import Console

from evaluation.table import plain, results_table, runs_table, with_interval

SURE = {"mean": 0.05234, "low": 0.0491, "high": 0.0556}
NOTHING = {"mean": None, "low": None, "high": None}


def printed(table, width=140):
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue()


def metrics(own=0.05, name="[red]ease[/red]"):
    def run(mean):
        ndcg = {"mean": mean, "low": mean, "high": mean}
        return {"ndcg@10": ndcg, "recall@10": SURE, "coverage@10": NOTHING}

    return {
        "queries": {"warm": 5213},
        "runs": {"oracle": run(0.9), "popularity": run(0.02), name: run(0.06), "two_stage": run(own)},
        "retrieval": {"fused": {"recall_all": {"mean": 0.339, "low": 0.3, "high": 0.4}}},
        "seconds": {"total": 185.07},
        "peak_rss_mb": 2310.4,
    }


def test_figures_as_text():
    assert with_interval(SURE) == "0.0523 [0.0491–0.0556]"
    assert with_interval({"mean": 0.4, "low": None, "high": None}) == "0.4000"
    assert with_interval(NOTHING) == with_interval(None) == plain(None) == "–"


def test_the_main_run_comes_first_the_oracle_last_and_names_are_no_markup():
    lines = printed(results_table(metrics())).splitlines()
    names = [line.split()[0] for line in lines if "[0.0491" in line]
    assert names == ["two_stage", "[red]ease[/red]", "popularity", "oracle"]
    assert "5,213 users with history" in lines[0]


def test_no_figure_is_cut_at_eighty_columns():
    for table in (results_table(metrics()), runs_table([("retrieval.budget=250", metrics())])):
        text = printed(table, width=80)
        assert "…" not in text
        assert "[0.0491–0.0556]" in text


def test_runs_side_by_side_in_the_order_given():
    text = printed(runs_table([("leaves=15", metrics(0.051)), ("leaves=[31]", metrics(0.049))]))
    assert text.index("leaves=15") < text.index("leaves=[31]")
    for figure in ("0.0510", "0.0490", "0.3390", "185.1", "2,310"):
        assert figure in text


def test_a_run_without_retrieval_or_time_still_has_its_row():
    bare = {"runs": {"two_stage": {"ndcg@10": SURE}}}
    assert printed(runs_table([("bare", bare)])).count("–") >= 4
    assert "0 runs" in printed(runs_table([]))
