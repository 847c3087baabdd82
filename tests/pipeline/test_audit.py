"""An audit catches what it is there to catch, names it, and lets the honest pass."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra import compose, initialize_config_module
from omegaconf import DictConfig

from dataset.errors import ArtefactError, ConfigurationError, DataContractError
from dataset.splits.leave_last_out import LeaveLastOut
from dataset.splits.random import Random
from dataset.splits.temporal import Temporal
from features import CollaborativeVectors, LabelPopularity, Popularity
from pipeline.applications import experiment_of
from pipeline.artefacts import MANIFEST, read_manifest, sha256
from pipeline.audit.application import audit, audited_of, run_audit
from pipeline.audit.audited import Audited, Finding
from pipeline.audit.label_copies import LabelCopies
from pipeline.audit.permuted_ids import PermutedIds
from pipeline.audit.shuffled_labels import ShuffledLabels
from pipeline.cache import Cache
from pipeline.experiment import Experiment
from retrieval import Content, Popular
from tests.pipeline import planted
from tests.pipeline.planted import FittedOnAll, LeakyLeaveLastOut, LeakyTemporal

CUT = {"cutoff": 0.8, "n_training": 1, "horizon_days": 30.0}
KEPT_SOURCES, KEPT_FAMILIES = ("transitions", "popular_month"), ("activity", "product", "retrieval")
SMALL = ("n_users=150", "n_items=60", "n_days=240", "events_per_user=40")
CHEAP = ("future", "split", "codes")
Audit = Callable[..., dict[str, Any]]


@cache
def honest() -> Experiment:
    """A small shop with two sources and three families, and nothing wrong."""
    parts = ("experiment=tiny", "engine=serial", "cache_dir=null", *(f"dataset.{part}" for part in SMALL))
    config = compose("experiment", list(parts))
    made = replace(experiment_of(config), splitter=Temporal(**CUT))
    spec = made.recommender
    features = replace(
        spec.features, vectors={}, families={name: spec.features.families[name] for name in KEPT_FAMILIES}
    )
    retrieval = replace(
        spec.retrieval, sources={name: spec.retrieval.sources[name] for name in KEPT_SOURCES}, budget=20
    )
    ranking = replace(spec.ranking, num_trees=10, num_leaves=4, min_rows_a_leaf=5)
    return replace(made, recommender=replace(spec, features=features, retrieval=retrieval, ranking=ranking))


def leaking(leak: planted.Leak, **parts: Any) -> Experiment:
    return planted.with_parts(replace(honest(), splitter=LeakyTemporal(**CUT, leak=leak)), **parts)


PLANTED: dict[str, tuple[Callable[[], Experiment], str, str]] = {
    "family_fitted_on_all_data": (
        lambda: leaking(planted.carry_all, families={"words": FittedOnAll(LabelPopularity())}),
        "future",
        "family 'words'",
    ),
    "aggregate_as_of_today": (
        lambda: leaking(planted.carry_all, families={"demand": FittedOnAll(Popularity())}),
        "future",
        "family 'demand'",
    ),
    "source_as_of_today": (
        lambda: leaking(planted.carry_all, sources={"bestsellers": FittedOnAll(Popular(quota=5))}),
        "future",
        "source 'bestsellers'",
    ),
    "family_that_reads_the_truth": (
        lambda: planted.with_parts(honest(), families={"spy": planted.Answers()}),
        "future",
        "family 'spy'",
    ),
    "attribute_as_of_today": (lambda: leaking(planted.count_until_today), "future", "users"),
    "embedding_that_saw_the_test": (
        lambda: leaking(
            planted.carry_all,
            vectors={"taste": FittedOnAll(CollaborativeVectors(dimensions=4))},
            sources={"content": Content(vectors={"taste": 1.0})},
        ),
        "future",
        "embedding 'taste'",
    ),
    "one_event_let_through": (
        lambda: leaking(planted.let_one_event_through),
        "split",
        "test snapshot holds 1 event at or after",
    ),
    "one_target_let_through_by_position": (
        lambda: replace(
            honest(), splitter=LeakyLeaveLastOut(n_training=1, leak=planted.let_one_event_through)
        ),
        "split",
        "test snapshot holds 1 event at or after",
    ),
    "catalogue_of_later_products": (
        lambda: leaking(planted.know_all_products),
        "split",
        "neither launched by the cut-off",
    ),
    "truth_from_the_past": (
        lambda: replace(honest(), splitter=Random(test_share=0.3, n_training=1)),
        "split",
        "behind others that it leaves out",
    ),
}


# Five of the six kinds that an audit must catch, and ids in file order below; further shapes of them in CI.
SIX = (
    "family_fitted_on_all_data",
    "aggregate_as_of_today",
    "embedding_that_saw_the_test",
    "one_event_let_through",
    "catalogue_of_later_products",
)


@pytest.fixture(autouse=True)
def composer() -> Iterator[None]:
    with initialize_config_module(config_module="conf", version_base="1.3"):
        yield


@cache
def settings(checks: tuple[str, ...]) -> DictConfig:
    """Of an audit that makes these checks alone."""
    config = compose("audit", ["engine=serial", "cache_dir=null", "run=nowhere", "checks.future.queries=40"])
    config.checks = {name: config.checks[name] for name in checks}
    return config


@pytest.fixture
def audited(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Audit:
    """`glowrank audit` of a run of an experiment that no configuration may describe."""
    monkeypatch.setattr("pipeline.audit.application.load", planted.loaded)

    def run(
        experiment: Experiment, checks: tuple[str, ...] = CHEAP, cache_dir: str | None = None
    ) -> dict[str, Any]:
        folder = planted.finished(experiment, tmp_path / "run")
        monkeypatch.setattr("pipeline.audit.application.experiment_of", lambda made: experiment)
        config = settings(checks).copy()
        config.run, config.cache_dir = str(folder), cache_dir
        return run_audit(config)

    return run


def test_an_honest_run_passes(audited: Audit, tmp_path: Path) -> None:
    report = audited(honest(), (*CHEAP, "duplicated_rows"))
    assert list(report["checks"]) == [*CHEAP, "duplicated_rows"]
    assert report["passed"]
    assert json.loads((tmp_path / "run" / "audit.json").read_text())["passed"] is True
    future = report["checks"]["future"]["snapshots"]
    assert list(future) == ["test", "validation", "training_1"]
    assert all(part["rewritten"] > 100 and part["parts"] > 20 for part in future.values())


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=() if kind in SIX else pytest.mark.slow) for kind in PLANTED]
)
def test_a_planted_leak_is_caught_and_named(audited: Audit, tmp_path: Path, kind: str) -> None:
    made, check, offender = PLANTED[kind]
    with pytest.raises(DataContractError) as caught:
        audited(made())
    assert caught.value.exit_code == 4
    report = json.loads((tmp_path / "run" / "audit.json").read_text())
    assert (report["complete"], report["passed"]) == (True, False)
    assert list(report["checks"]) == list(CHEAP)  # all were made
    found = report["checks"][check]
    assert not found["passed"]
    assert offender in found["finding"]
    failed = [part["finding"] for part in report["checks"].values() if not part["passed"]]
    assert failed[0] in str(caught.value)
    assert (offender in str(caught.value)) or check == "split"  # what comes first may say it in other words


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "innocent"),
    [
        ("family_fitted_on_all_data", ("source", "embedding", "history", "family 'product'")),
        ("embedding_that_saw_the_test", ("source 'transitions'", "history", "family")),
        ("source_as_of_today", ("source 'transitions'", "history", "family")),
    ],
)
def test_what_is_innocent_is_not_named(
    audited: Audit, tmp_path: Path, kind: str, innocent: tuple[str, ...]
) -> None:
    with pytest.raises(DataContractError):
        audited(PLANTED[kind][0](), ("future",))
    report = json.loads((tmp_path / "run" / "audit.json").read_text())
    for snapshot in report["checks"]["future"]["snapshots"].values():
        assert snapshot["offenders"]
        assert not [part for part in snapshot["offenders"] if part.startswith(innocent)]


def test_what_is_remembered_hides_no_leak(audited: Audit, tmp_path: Path) -> None:
    """By position no product is rewritten, so the past has the fingerprint under which the leak is kept."""
    splitter = LeakyLeaveLastOut(n_training=1, leak=planted.carry_all)
    made = planted.with_parts(
        replace(honest(), splitter=splitter), sources={"bestsellers": FittedOnAll(Popular(quota=5))}
    )
    made = replace(made, recommender=replace(made.recommender, cache=Cache(tmp_path / "cache")))
    for _ in range(2):
        with pytest.raises(DataContractError, match="source 'bestsellers'"):
            audited(made, ("future",), cache_dir=str(tmp_path / "cache"))
    assert any((tmp_path / "cache" / "sources").iterdir())


def test_ids_in_file_order_are_caught(
    audited: Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.setattr("dataset.encoding.Vocabulary", planted.InFileOrder)
    planted.made.cache_clear()
    request.addfinalizer(planted.made.cache_clear)
    with pytest.raises(DataContractError, match="codes are not in the order of the hash"):
        audited(honest(), ("split", "codes"))
    report = json.loads((tmp_path / "run" / "audit.json").read_text())
    assert report["checks"]["codes"]["user"]["not_hashed"] > 100
    assert report["checks"]["codes"]["item"]["not_hashed"] > 50


@pytest.mark.slow
def test_an_event_let_through_changes_the_history_too(audited: Audit) -> None:
    with pytest.raises(DataContractError, match="of the test snapshot reaches history"):
        audited(PLANTED["one_event_let_through"][0]())


@pytest.mark.slow
def test_by_position_the_honest_pass(audited: Audit) -> None:
    for statistics in ("up_to_target", "training_events"):
        splitter = LeaveLastOut(n_training=1, statistics=statistics)
        assert audited(replace(honest(), splitter=splitter))["passed"]


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"keep_one": True}, {"set_aside": 1}, {"horizon_days": None}])
def test_in_time_the_honest_pass(audited: Audit, change: dict[str, Any]) -> None:
    assert audited(replace(honest(), splitter=Temporal(**{**CUT, **change})))["passed"]


def test_truth_that_reaches_into_the_test_is_caught(audited: Audit) -> None:
    def late_truth(snapshot: Any, dataset: Any) -> Any:
        if snapshot.name == "test":
            return snapshot
        ahead = Temporal(**CUT).split(dataset).test
        return replace(
            snapshot,
            queries=replace(ahead.queries, time=np.full(len(ahead.queries), snapshot.cutoff)),
            truth=ahead.truth,
        )

    with pytest.raises(DataContractError, match="between the query and that of the test"):
        audited(leaking(late_truth), ("split",))


def measured(experiment: Experiment, folder: Path, **others: float) -> Audited:
    planted.measured(experiment, folder, **others)
    return audited_of(folder, experiment, read_manifest(folder))


@pytest.mark.slow
def test_a_copy_of_the_label_is_caught_and_an_honest_table_passes(tmp_path: Path) -> None:
    def found(experiment: Experiment, name: str, **settings: Any) -> Finding:
        folder = planted.finished(experiment, tmp_path / name)
        return LabelCopies(**settings).check(audited_of(folder, experiment, read_manifest(folder)))

    good = found(honest(), "honest")
    assert good.passed, good.text
    assert 0.5 < good.figures["auc"] < 0.9 < good.figures["canary"]
    copied = found(planted.with_parts(honest(), families={"spy": planted.Answers()}), "spy")
    assert not copied.passed
    assert "spy.answer (AUC 1.000)" in copied.text
    assert copied.figures["copies"] == ["spy.answer"]
    deaf = found(honest(), "deaf", noise=50.0)
    assert not deaf.passed
    assert "alarm does not ring" in deaf.text


@pytest.mark.slow
def test_answers_that_need_no_labels_are_caught(tmp_path: Path) -> None:
    """A ranker that learns falls with its labels; one that reads the answer does not."""
    check = ShuffledLabels(n_resamples=100)
    good = check.check(measured(honest(), tmp_path / "honest", reciprocal_rank_fusion=0.3))
    assert good.passed, good.text
    assert "no better than reciprocal_rank_fusion" in good.text
    spy = planted.with_parts(
        honest(), families={"spy": planted.Answers()}, ranking=planted.Column("spy.answer")
    )
    caught = check.check(measured(spy, tmp_path / "spy", reciprocal_rank_fusion=0.1))
    assert not caught.passed
    assert "better than reciprocal_rank_fusion" in caught.text
    assert caught.figures["difference"]["low"] > 0


@pytest.mark.slow
def test_answers_that_hang_on_the_codes_are_caught(tmp_path: Path) -> None:
    check = PermutedIds(copies=2, n_resamples=100)
    good = check.check(measured(honest(), tmp_path / "honest"))
    assert good.passed, good.text
    known = audited_of(tmp_path / "honest", honest(), read_manifest(tmp_path / "honest"))
    truth, n_items = known.split.test.truth.items, len(known.dataset.items)
    pairs = planted.pair_keys(known.split.test.queries.user[truth.rows], truth.values, n_items)
    spy = planted.with_parts(
        honest(), families={"spy": planted.Answers(pairs)}, ranking=planted.Column("spy.answer")
    )
    caught = check.check(measured(spy, tmp_path / "spy"))
    assert not caught.passed
    assert "ids or their order tell the answer" in caught.text
    assert len(caught.figures["differences"]) == 2  # it is tried again before it is believed


@pytest.mark.slow
def test_nobody_to_compare_is_no_pass(tmp_path: Path) -> None:
    run = measured(honest(), tmp_path / "run")
    run.per_query["two_stage/ndcg@10"] = np.nan
    assert not PermutedIds(copies=1, n_resamples=20).check(run).passed


class Interrupts:
    def check(self, audited: Audited) -> Finding:
        raise KeyboardInterrupt


class Breaks:
    def check(self, audited: Audited) -> Finding:
        raise DataContractError("The table is empty.")


class Passes:
    def check(self, audited: Audited) -> Finding:
        return Finding(True, "All is well.", {"n": 3})


def test_a_killed_audit_leaves_what_was_found(tmp_path: Path) -> None:
    folder = planted.finished(honest(), tmp_path / "run")
    run = audited_of(folder, honest(), read_manifest(folder))
    (folder / "audit.json").write_text('{"complete": true, "passed": true}')
    with pytest.raises(KeyboardInterrupt):
        audit(run, {"first": Passes(), "second": Interrupts()}, {"settings": {}})
    report = json.loads((folder / "audit.json").read_text())
    assert (report["complete"], report["passed"]) == (False, False)
    assert report["run"] == sha256(folder / MANIFEST)
    assert list(report["checks"]) == ["first"]
    assert report["checks"]["first"]["n"] == 3


def test_a_check_that_cannot_be_made_is_a_finding(tmp_path: Path) -> None:
    folder = planted.finished(honest(), tmp_path / "run")
    run = audited_of(folder, honest(), read_manifest(folder))
    report = audit(run, {"first": Breaks(), "second": Passes()}, {"settings": {}})
    assert (report["complete"], report["passed"]) == (True, False)
    assert report["checks"]["first"]["finding"] == "The check could not be made: The table is empty."
    assert report["checks"]["second"]["passed"]


def test_other_data_is_refused(tmp_path: Path) -> None:
    folder = planted.finished(honest(), tmp_path / "run")
    other = replace(honest(), source=replace(honest().source, n_users=151))
    with pytest.raises(ArtefactError, match="An audit needs the data"):
        audited_of(folder, other, read_manifest(folder))


@pytest.mark.slow
def test_queries_of_another_run_are_refused(tmp_path: Path) -> None:
    run = measured(honest(), tmp_path / "run")
    frame = run.per_query.iloc[1:]
    frame.to_parquet(run.run / "queries.parquet", index=False)
    with pytest.raises(ArtefactError, match="must be of the"):
        replace(run).per_query  # noqa: B018
    with pytest.raises(ArtefactError, match="must hold content/ndcg@10"):
        run.measured("content")


def test_no_check_at_all_is_refused(audited: Audit) -> None:
    with pytest.raises(ConfigurationError, match="at least one check"):
        audited(honest(), ())
