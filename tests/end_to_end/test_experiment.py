"""The main job on a small shop: what it writes, that it repeats, and that its overrides work."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.artefacts import read_manifest, verify
from pipeline.two_stage import FittedTwoStage
from tests.end_to_end.commands import QUICK, SHOP, SMALL, TREES, Command

Run = Callable[..., Path]
GOLDEN = Path(__file__).parents[1] / "golden" / "run_metrics.json"
CONF = Path(__file__).parents[2] / "conf"
EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
MEASURED = ("seconds", "seconds_inside_blocks", "peak_rss_mb", "peak_rss_mb_after")


def metrics_of(folder: Path) -> Any:
    return json.loads((folder / "metrics.json").read_text(encoding="utf-8"))


def results_of(folder: Path) -> Any:
    """The metrics but for what the machine decides."""
    return {name: value for name, value in metrics_of(folder).items() if name not in MEASURED}


def test_the_folder_is_complete(shop_run: Path) -> None:
    manifest = read_manifest(shop_run)
    on_disk = {path.relative_to(shop_run).as_posix() for path in shop_run.rglob("*") if path.is_file()}
    assert set(manifest["files"]) == on_disk - {"manifest.json"}
    expected = {"config.yaml", "metrics.json", "report.html", "log.jsonl", "lists.parquet", "queries.parquet"}
    expected |= {"groups.parquet", "model_card.md"}
    assert expected <= on_disk
    assert any(name.startswith("model/") for name in on_disk)
    verify(shop_run, manifest["files"])
    assert {"name", "seed", "data", "inputs", "glowrank", "revision", "libraries", "command"} <= set(manifest)
    assert manifest["name"] == "tiny"
    assert not [name for name in on_disk if Path(name).suffix in (".pkl", ".pickle", ".joblib")]


def test_the_keys_of_the_metrics_are_stable(shop_run: Path) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert missing(golden, metrics_of(shop_run)) == []


def test_every_event_was_lost_once_or_is_a_hit(shop_run: Path) -> None:
    metrics = metrics_of(shop_run)
    values = pd.read_parquet(shop_run / "queries.parquet")
    for group, is_warm in (("warm", True), ("cold", False)):
        losses, asked = metrics["losses"][group], values[values["is_warm"] == is_warm]
        assert losses["events"] == asked["n_relevant"].sum() > 0
        for table in ({"all": losses["causes"]}, losses["by_age"], losses["by_popularity"]):
            assert sum(count for causes in table.values() for count in causes.values()) == losses["events"]
        hits = (asked["two_stage/recall@10"] * asked["n_relevant"]).sum()
        assert losses["causes"]["hit"] == pytest.approx(hits, abs=1e-3)


def test_the_groups_of_each_user_are_kept(shop_run: Path) -> None:
    groups, values = (pd.read_parquet(shop_run / name) for name in ("groups.parquet", "queries.parquet"))
    assert (groups["user"] == values["user"]).all()
    assert {"history length", "price tier", "skin_type"} <= set(groups.columns)
    sizes = metrics_of(shop_run)["groups"]["history length"]["two_stage"]
    found = groups["history length"][values["is_warm"]].value_counts()
    assert {label: figures["n"] for label, figures in sizes.items()} == found.to_dict()


@pytest.mark.usefixtures("without_plots")
@pytest.mark.slow
def test_a_skewed_run_fails_with_its_figures_on_disk(glowrank: Command, cache: str, tmp_path: Path) -> None:
    limits = ("evaluation.max_psi=0.0001", "evaluation.max_shifted_gain=0.0001")
    outcome = glowrank("experiment", *SMALL, *TREES, *QUICK, cache, f"run.dir={tmp_path / 'run'}", *limits)
    assert outcome.code == 4
    assert "evaluation.max_psi" in outcome.sentence
    assert not metrics_of(tmp_path / "run")["skew"]["passed"]
    assert "two_stage" in outcome.out
    verify(tmp_path / "run", read_manifest(tmp_path / "run")["files"])


def missing(expected: Any, found: Any, where: str = "") -> list[str]:
    """Paths of `expected` that are not in `found`, or are of another type."""
    if isinstance(expected, dict):
        if not isinstance(found, dict):
            return [where]
        lost = [f"{where}/{key}" for key in expected if key not in found]
        return lost + [
            path
            for key in expected
            if key in found
            for path in missing(expected[key], found[key], f"{where}/{key}")
        ]
    kinds = {"number": int | float | None, "text": str, "list": list, "flag": bool}
    return [] if isinstance(found, kinds[expected]) else [where]


def test_the_model_is_read_back_and_gives_the_lists(shop_run: Path) -> None:
    fitted = FittedTwoStage.load(shop_run / "model")
    assert fitted.ranker.features
    lists = pd.read_parquet(shop_run / "lists.parquet")
    assert list(lists.columns) == ["user", "rank", "item", "score"]
    assert not lists.duplicated(["user", "item"]).any()
    assert (lists.groupby("user")["rank"].diff().dropna() == 1).all()
    assert (lists.groupby("user")["score"].diff().dropna() <= 0).all()


def test_the_report_stands_alone(shop_run: Path) -> None:
    html = (shop_run / "report.html").read_text(encoding="utf-8")
    assert not re.search(r"""(src|href|action|data)\s*=\s*["']?\s*(https?:)?//""", html)
    assert not re.search(r"@import|url\(\s*[\"']?(https?:)?//|\bfetch\(|XMLHttpRequest", html)
    assert "ndcg" in html.lower()


def test_two_stage_beats_chance(shop_run: Path) -> None:
    runs = metrics_of(shop_run)["runs"]
    assert runs["two_stage"]["ndcg@10"]["mean"] > runs["random"]["ndcg@10"]["mean"]
    assert runs["oracle"]["ndcg@10"]["mean"] > runs["popularity"]["ndcg@10"]["mean"]


@pytest.mark.usefixtures("without_plots")
@pytest.mark.parametrize(
    "override",
    [
        "engine=serial",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("cache_dir=null", "threads=2")),
    ],
)
def test_the_same_again_gives_the_same_bytes(shop_run: Path, experiment: Run, override: str) -> None:
    again = experiment("cache_dir=null", override)
    assert (again / "lists.parquet").read_bytes() == (shop_run / "lists.parquet").read_bytes()
    assert results_of(again) == results_of(shop_run)
    models = [read_manifest(folder)["files"] for folder in (shop_run, again)]
    first, second = ({k: v for k, v in files.items() if k.startswith("model/")} for files in models)
    assert first == second


@pytest.mark.slow
@pytest.mark.usefixtures("without_plots")
def test_a_parameter_of_the_ranker_computes_no_candidate_again(
    shop_run: Path, experiment: Run, cache: str
) -> None:
    folder = Path(cache.partition("=")[2])
    stages = ("prepared", "vectors", "sources", "tables", "candidates")
    before = {name: sorted((folder / name).iterdir()) for name in stages}
    assert all(before.values())
    other = experiment("ranking.num_leaves=4")
    assert {name: sorted((folder / name).iterdir()) for name in stages} == before
    assert results_of(other) != results_of(shop_run)
    assert results_of(other)["retrieval"] == results_of(shop_run)["retrieval"]


@pytest.mark.slow
@pytest.mark.usefixtures("without_plots")
@pytest.mark.parametrize(
    ("override", "expected"),
    [
        pytest.param("ranking=retrieval_order", "RetrievalOrder", marks=pytest.mark.slow),
        ("ranking=reciprocal_rank_fusion", "ReciprocalRankFusion"),
        pytest.param("~retrieval.sources.ease", "", marks=pytest.mark.slow),
        pytest.param("retrieval.index=hnsw", "", marks=pytest.mark.slow),
        pytest.param("retrieval.index=ivf", "", marks=pytest.mark.slow),
        ("features=minimal", ""),
        pytest.param("split=leave_last_out", "LeaveLastOut", marks=pytest.mark.slow),
        pytest.param("split=random", "Random", marks=pytest.mark.slow),
    ],
)
def test_overrides_reach_the_run(experiment: Run, override: str, expected: str) -> None:
    folder = experiment(override)
    metrics = results_of(folder)
    config = (folder / "config.yaml").read_text(encoding="utf-8")
    assert metrics["queries"]["warm"] > 0
    assert 0 < metrics["runs"]["two_stage"]["recall@10"]["mean"] <= 1
    assert expected in config
    if override.startswith("~"):
        assert "ease" not in metrics["retrieval"]
    if override.startswith("split"):
        assert metrics["split"]["kind"] == expected
    if "ranking=reciprocal" in override:
        assert metrics["runs"]["two_stage"] == metrics["runs"]["reciprocal_rank_fusion"]
    if override in ("retrieval.index=hnsw", "retrieval.index=ivf"):
        assert list((folder / "model").rglob("*.faiss"))


@pytest.mark.slow
@pytest.mark.usefixtures("without_plots")
def test_a_sweep_ends_in_a_table(glowrank: Command, cache: str, tmp_path: Path) -> None:
    sweep = tmp_path / "sweep"
    arguments = (*SMALL, *TREES, *QUICK, cache, f"run.dir={sweep}", "ranking.num_leaves=3,4,7")
    outcome = glowrank("experiment", "-m", *arguments)
    assert outcome.code == 0, outcome.err
    table = json.loads((sweep / "sweep.json").read_text(encoding="utf-8"))
    assert len(table) == 3
    assert [entry["overrides"] for entry in table] == [f"ranking.num_leaves={n}" for n in (3, 4, 7)]
    assert "two_stage of 3 runs" in outcome.out
    assert [results_of(sweep / str(job))["runs"] for job in range(3)] == [entry["runs"] for entry in table]
    for job in range(3):
        verify(sweep / str(job), read_manifest(sweep / str(job))["files"])


@pytest.mark.slow
@pytest.mark.usefixtures("without_plots")
def test_a_sweep_that_was_cut_off_goes_on(glowrank: Command, cache: str, tmp_path: Path) -> None:
    arguments = ("-m", *SMALL, *TREES, *QUICK, cache, f"run.dir={tmp_path / 'sweep'}")
    whole = glowrank("experiment", *arguments, "ranking.num_leaves=3,4")
    assert whole.code == 0, whole.err
    first, second = tmp_path / "sweep" / "0", tmp_path / "sweep" / "1"
    made = {path: path.stat().st_mtime_ns for path in first.rglob("*")}
    (second / "manifest.json").unlink()  # as though it had been killed there

    again = glowrank("experiment", *arguments, "ranking.num_leaves=3,4")
    assert again.code == 0, again.err
    assert f"{first} is there, whole" in again.out
    assert f"{second} is there" not in again.out
    assert {path: path.stat().st_mtime_ns for path in first.rglob("*")} == made
    verify(second, read_manifest(second)["files"])
    table = json.loads((tmp_path / "sweep" / "sweep.json").read_text(encoding="utf-8"))
    assert [entry["runs"] for entry in table] == [results_of(folder)["runs"] for folder in (first, second)]

    other = glowrank("experiment", *arguments, "ranking.num_leaves=5,4")
    assert f"{first} is there" not in other.out
    assert f"{second} is there, whole" in other.out


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_runs(glowrank: Command, cache: str, tmp_path: Path, name: str) -> None:
    text = (CONF / "experiment" / f"{name}.yaml").read_text(encoding="utf-8")
    ranking = re.search(r"/ranking: (\w+)", text)
    inside = {"blended": "trees.of.", "lean_cascade": "of."}.get(ranking[1] if ranking else "", "")
    trees = [tree.replace("ranking.", f"ranking.{inside}") for tree in TREES]
    chosen = (f"experiment={name}", "dataset=shop", *SHOP, *trees, *QUICK)
    outcome = glowrank("experiment", *chosen, cache, f"run.dir={tmp_path / 'run'}")
    assert outcome.code == 0, outcome.err


@pytest.mark.usefixtures("without_plots")
@pytest.mark.slow
def test_a_shop_of_three_products(experiment: Run) -> None:
    folder = experiment("dataset.n_items=3", "dataset.n_users=300", "ranking.min_rows_a_leaf=2")
    lists = pd.read_parquet(folder / "lists.parquet")
    assert lists["item"].nunique() <= 3
    assert (lists.groupby("user").size() <= 3).all()
