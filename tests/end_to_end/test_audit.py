"""`glowrank audit RUN` as a user calls it: an honest run passes, a planted leak ends it with exit code 4."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dataset.splits.temporal import Temporal
from pipeline.applications import experiment_of
from pipeline.artefacts import MANIFEST, sha256
from tests.end_to_end.commands import Command
from tests.pipeline.planted import LeakyTemporal, let_one_event_through

pytestmark = pytest.mark.slow

CHECKS = (
    "future",
    "split",
    "codes",
    "duplicated_rows",
    "label_copies",
    "shuffled_labels",
    "permuted_ids",
)
COSTLY = tuple(f"~checks.{name}" for name in CHECKS[3:])


@pytest.fixture
def copied(shop_run: Path, tmp_path: Path) -> Path:
    """A copy of the shared run, to be written into and damaged."""
    return Path(shutil.copytree(shop_run, tmp_path / "run"))


def test_an_honest_run_passes_every_check(copied: Path, cache: str, repository: Path) -> None:
    command = [sys.executable, "-m", "scripts.main", "audit", str(copied), cache, "threads=1"]
    done = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((copied / "audit.json").read_text())
    assert tuple(report["checks"]) == CHECKS
    assert (report["complete"], report["passed"]) == (True, True)
    assert report["run"] == sha256(copied / MANIFEST)
    assert report["settings"]["checks"]["permuted_ids"]["tolerance"] == 0.002
    for name, found in report["checks"].items():
        assert found["passed"], found
        assert name in done.stdout  # the table
        assert name.replace("_", " ") in done.stderr  # a line as soon as it is made


def test_a_run_of_other_code_is_audited_with_a_word_of_warning(
    glowrank: Command, copied: Path, cache: str
) -> None:
    manifest = json.loads((copied / MANIFEST).read_text())
    for revision, warned in (("0" * 40, True), (manifest["revision"], False)):
        (copied / MANIFEST).write_text(json.dumps({**manifest, "revision": revision}))
        left = [f"~checks.{name}" for name in CHECKS if name != "codes"]
        outcome = glowrank("audit", str(copied), cache, "threads=1", *left)
        assert outcome.code == 0
        assert ("another revision" in outcome.err) == warned


def test_a_planted_leak_is_told_in_a_sentence(
    glowrank: Command, copied: Path, cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run's own configuration could not say so: only our own specifications may be named in it."""

    def leaking(config):
        honest = experiment_of(config)
        assert isinstance(honest.splitter, Temporal)
        return replace(honest, splitter=LeakyTemporal(**vars(honest.splitter), leak=let_one_event_through))

    monkeypatch.setattr("pipeline.audit.application.experiment_of", leaking)
    outcome = glowrank("audit", f"run={copied}", cache, "threads=1", "~checks.future", *COSTLY)
    assert outcome.code == 4, outcome.err
    assert f"{copied} must not be believed" in outcome.sentence
    assert "history of the test snapshot holds 1 event at or after" in outcome.sentence
    assert "FAILED" in outcome.out
    assert json.loads((copied / "audit.json").read_text())["passed"] is False


def test_checks_are_left_out_by_name_and_the_run_stays_whole(
    glowrank: Command, copied: Path, cache: str
) -> None:
    arguments = ("audit", f"run={copied}", cache, "threads=1", "~checks.future", *COSTLY)
    for _ in range(2):  # the findings beside it do not make it another run
        outcome = glowrank(*arguments)
        assert outcome.code == 0, outcome.err
        assert tuple(json.loads((copied / "audit.json").read_text())["checks"]) == ("split", "codes")


def test_other_data_is_refused(
    glowrank: Command, copied: Path, cache: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def grown(config):
        made = experiment_of(config)
        return replace(made, source=replace(made.source, n_users=151))

    monkeypatch.setattr("pipeline.audit.application.experiment_of", grown)
    outcome = glowrank("audit", f"run={copied}", cache, "threads=1")
    assert outcome.code == 3, outcome.err
    assert "needs the data" in outcome.sentence
    assert not (copied / "audit.json").exists()


@pytest.mark.parametrize(
    ("override", "code", "said"),
    [
        ("checks.future.queries=0", 2, "'queries' parameter of Future"),
        ("checks.permuted_ids.copies=many", 2, "'copies' parameter of PermutedIds"),
        ("checks.split._target_=os.system", 2, "_target_ must be a specification"),
        ("block_size=0.5", 2, "block_size"),
        ("checks=null", 2, "at least one check"),
    ],
)
def test_a_wrong_setting_is_refused(
    glowrank: Command, copied: Path, override: str, code: int, said: str
) -> None:
    outcome = glowrank("audit", f"run={copied}", "cache_dir=null", override)
    assert outcome.code == code, outcome.err
    assert said in outcome.sentence
    assert not (copied / "audit.json").exists()


def missing(run: Path) -> Path:
    return run / "nowhere"


def unfinished(run: Path) -> Path:
    (run / MANIFEST).unlink()
    return run


def damaged(run: Path) -> Path:
    (run / "queries.parquet").write_bytes(b"cut")
    return run


@pytest.mark.parametrize(
    ("spoil", "said"),
    [(missing, "no folder"), (unfinished, "incomplete"), (damaged, "queries.parquet is not what")],
)
def test_a_run_that_is_none_is_refused(
    glowrank: Command, copied: Path, spoil: Callable[[Path], Path], said: str
) -> None:
    outcome = glowrank("audit", f"run={spoil(copied)}", "cache_dir=null")
    assert outcome.code == 3, outcome.err
    assert said in outcome.sentence


def test_the_run_must_be_named(glowrank: Command) -> None:
    outcome = glowrank("audit")
    assert outcome.code == 2, outcome.err
    assert "run" in outcome.sentence
