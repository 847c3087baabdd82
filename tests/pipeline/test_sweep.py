"""The table of a sweep, from jobs made by hand: each is in it as soon as it ends, whatever comes after."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from dataset.errors import ArtefactError, ConfigurationError
from pipeline.artefacts import write_json
from pipeline.sweep import JobFailedError, SweepTable, others_go_on

FAILED = JobFailedError("It must be healthy.", 4)


class Sweep:
    """A sweep whose jobs end as they are told to."""

    def __init__(self, folder: Path, mode: RunMode = RunMode.MULTIRUN) -> None:
        self.folder, self.mode = folder, mode
        self.table = SweepTable()
        self.n_jobs = 0

    @property
    def config(self) -> DictConfig:
        job = {"output_dir": str(self.folder / str(self.n_jobs))}
        hydra = {"mode": self.mode, "sweep": {"dir": str(self.folder)}, "runtime": job}
        evaluation = {"headline": 5, "n_resamples": 50, "seed": 0}
        return OmegaConf.create({"hydra": hydra, "evaluation": evaluation})

    def end(self, *overrides: str, recall: float = 0.5, n_users: int = 20) -> JobReturn:
        """A job that finishes."""
        folder = self.folder / str(self.n_jobs)
        folder.mkdir(parents=True)
        run = {f"{name}@5": {"mean": recall, "low": recall, "high": recall} for name in ("recall", "ndcg")}
        write_json(folder / "metrics.json", {"runs": {"two_stage": run}, "seconds": {"total": 2.0}})
        user = [f"u{number}" for number in range(n_users)]
        frame = pd.DataFrame({"user": user, "is_warm": True, "n_relevant": 1})
        for name in ("two_stage/recall@5", "two_stage/ndcg@5", "two_stage/mrr@5", "random/recall@5"):
            frame[name] = np.float32(recall)
        frame.to_parquet(folder / "queries.parquet", index=False)
        return self._told(overrides, JobStatus.COMPLETED, None)

    def fail(self, *overrides: str, error: Exception = FAILED) -> JobReturn:
        """A job that raises."""
        (self.folder / str(self.n_jobs)).mkdir(parents=True)
        return self._told(overrides, JobStatus.FAILED, error)

    def _told(self, overrides: tuple[str, ...], status: JobStatus, value: Any) -> JobReturn:
        ended = JobReturn(overrides=list(overrides), status=status)
        ended.return_value = value
        self.table.on_job_end(self.config, job_return=ended)
        self.n_jobs += 1
        return ended

    @property
    def kept(self) -> Any:
        return json.loads((self.folder / "sweep.json").read_text(encoding="utf-8"))


@pytest.fixture
def sweep(tmp_path: Path) -> Sweep:
    return Sweep(tmp_path)


def test_each_job_is_kept_as_soon_as_it_ends(sweep: Sweep) -> None:
    for n in range(1, 4):
        sweep.end("threads=1", f"ranking.num_leaves={n}", recall=n / 10)
        assert len(sweep.kept) == n
        assert len((sweep.folder / "sweep.md").read_text(encoding="utf-8").splitlines()) == 4 + n
    first, *others = sweep.kept
    assert first["difference_to_first"] is first["not_compared"] is first["error"] is None
    assert [entry["overrides"] for entry in others] == ["ranking.num_leaves=2", "ranking.num_leaves=3"]
    assert [entry["folder"] for entry in others] == ["1", "2"]
    differences = [entry["difference_to_first"]["recall@5"] for entry in others]
    assert [figures["mean"] for figures in differences] == pytest.approx([0.1, 0.2])
    assert differences[0] == pytest.approx({"mean": 0.1, "low": 0.1, "high": 0.1})


@pytest.mark.parametrize(
    ("override", "label"),
    [
        ("without=null", "as configured"),
        ("without=retrieval.sources.ease", "without retrieval.sources.ease"),
        ("without=[ranking,baselines.random]", "without ranking and baselines.random"),
        ("seed=3", "seed=3"),
    ],
)
def test_jobs_are_named_by_what_is_theirs_alone(sweep: Sweep, override: str, label: str) -> None:
    sweep.end("threads=1", "without=features.families.group")
    sweep.end("threads=1", override)
    assert [entry["overrides"] for entry in sweep.kept] == ["without features.families.group", label]


def test_other_users_are_not_compared_and_the_reason_is_told(
    sweep: Sweep, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep.end("split.cutoff=0.8")
    sweep.end("split.cutoff=0.9", n_users=15)
    _, other = sweep.kept
    assert other["difference_to_first"] is None
    assert other["not_compared"] == "it asked 15 users instead of 20"
    sweep.table.on_multirun_end(sweep.config)
    told = "'split.cutoff=0.9' is not compared with 'split.cutoff=0.8': it asked 15 users instead of 20."
    assert told in capsys.readouterr().out
    assert told in (sweep.folder / "sweep.md").read_text(encoding="utf-8")


def test_a_failure_loses_no_other_job(sweep: Sweep, capsys: pytest.CaptureFixture[str]) -> None:
    sweep.end("seed=0")
    ended = sweep.fail("seed=1")
    sweep.end("seed=2")
    assert ended.status is JobStatus.COMPLETED, "Hydra would raise it and skip the table"
    assert [entry["error"] for entry in sweep.kept] == [None, "It must be healthy.", None]
    assert sweep.kept[1]["runs"] == {}
    assert sweep.kept[2]["difference_to_first"]["ndcg@5"]["mean"] == 0
    with pytest.raises(SystemExit) as ended_with:
        sweep.table.on_multirun_end(sweep.config)
    assert ended_with.value.code == 4
    shown = capsys.readouterr()
    assert "two_stage of 2 runs" in shown.out
    assert "'seed=1' failed: It must be healthy." in shown.out
    assert shown.err == "It must be healthy.\n"


def test_without_the_first_there_is_nothing_to_compare_with(sweep: Sweep) -> None:
    sweep.fail("seed=0")
    sweep.end("seed=1")
    assert sweep.kept[1]["not_compared"] == "that one failed"
    assert sweep.kept[1]["runs"]


def test_a_sweep_of_failures_still_ends_with_their_code(sweep: Sweep) -> None:
    sweep.fail("seed=0")
    with pytest.raises(SystemExit):
        sweep.table.on_multirun_end(sweep.config)


def test_a_defect_is_left_to_hydra(sweep: Sweep) -> None:
    sweep.end("seed=0")
    ended = sweep.fail("seed=1", error=ZeroDivisionError())
    assert ended.status is JobStatus.FAILED
    assert len(sweep.kept) == 1


def test_a_single_run_has_no_table(tmp_path: Path) -> None:
    run = Sweep(tmp_path, RunMode.RUN)
    run.end()
    assert not (tmp_path / "sweep.json").exists()
    run.table.on_multirun_end(run.config)


@pytest.mark.parametrize("mode", [RunMode.RUN, RunMode.MULTIRUN])
def test_a_mistake_ends_a_run_but_only_one_job_of_a_sweep(
    mode: RunMode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(HydraConfig, "get", lambda: OmegaConf.create({"mode": mode}))
    for error in (ConfigurationError("No."), ArtefactError("No.")):
        with (
            pytest.raises(JobFailedError if mode is RunMode.MULTIRUN else type(error)) as ended,
            others_go_on(),
        ):
            raise error
        assert str(ended.value) == "No."
        assert ended.value.exit_code == error.exit_code
    with pytest.raises(ZeroDivisionError), others_go_on():
        raise ZeroDivisionError
