"""`glowrank gate` on run folders made by hand: what it reads, what it refuses to read, what it leaves."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from omegaconf import OmegaConf

from dataset.errors import ArtefactError, ConfigurationError
from evaluation.gate import Decision
from pipeline.artefacts import MANIFEST, read_manifest, sha256, verify, write_json, write_text
from pipeline.run_folder import RunFolder
from pipeline.verdicts.gate import run_gate

METRICS = ("recall@5", "ndcg@5")
SKEW = {"passed": True, "limit": 0.25, "worst": None, "features": {}}


def finished_run(folder: Path, share: float, *, n: int = 400, oily: float = 1.0, **figures: object) -> Path:
    """A run whose lists get a share of what each user can have, times `oily` for those with oily skin."""
    random = np.random.default_rng(0)
    possible = np.where(random.random(n) < 0.6, random.random(n), 0)
    own = possible * share * np.where(np.arange(n) % 4 == 1, oily, 1)
    runs = {"two_stage": own, "reciprocal_rank_fusion": possible * 0.5, "ease": possible * 0.4}
    frame = pd.DataFrame({"user": [f"u{at}" for at in range(n)], "is_warm": True, "n_relevant": 1})
    for run, values in runs.items():
        for metric in METRICS:
            frame[f"{run}/{metric}"] = values.astype(np.float32)
    folder.mkdir(parents=True)
    means = {
        run: {m: {"mean": float(v.mean()), "low": 0.0, "high": 1.0} for m in METRICS}
        for run, v in runs.items()
    }
    write_json(folder / "metrics.json", {"runs": means, "skew": SKEW, **figures})
    write_text(folder / "config.yaml", "evaluation:\n  headline: 5\n")
    write_text(folder / "log.jsonl", "")
    frame.to_parquet(folder / "queries.parquet", index=False)
    skin = np.where(np.arange(n) % 4 == 1, "oily", "dry")
    pd.DataFrame({"user": frame["user"], "skin_type": skin}).to_parquet(
        folder / "groups.parquet", index=False
    )
    RunFolder(folder).finish({"name": folder.name})
    return folder


def gate(run: Path, against: Path | None = None, **settings: object) -> Decision:
    """The command without Hydra's application."""
    component = {"_target_": "evaluation.gate.Gate", "n_resamples": 300, **settings}
    other = None if against is None else str(against)
    return run_gate(OmegaConf.create({"run": str(run), "against": other, "gate": component}))


def audited(run: Path, **changed: object) -> Path:
    """With an audit that found nothing."""
    report = {"run": sha256(run / MANIFEST), "complete": True, "passed": True, **changed}
    write_json(run / "audit.json", report)
    return run


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return audited(finished_run(tmp_path / "good", 0.9))


@pytest.fixture
def incumbent(tmp_path: Path) -> Path:
    return finished_run(tmp_path / "incumbent", 0.8)


def test_the_decision_is_written_beside_the_run(
    good: Path, incumbent: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    decision = gate(good, incumbent)
    assert decision.promoted
    kept = json.loads((good / "gate.json").read_text(encoding="utf-8"))
    assert kept["run"] == sha256(good / MANIFEST)
    assert kept["against"] == sha256(incumbent / MANIFEST)
    assert kept["promoted"] is True
    assert kept["settings"]["metric"] == "ndcg@5"
    assert kept["settings"]["margin"] == 0.1
    assert [check["name"] for check in kept["checks"]] == [
        "integrity", "fusion", "source ease", "against", "group skin_type: dry", "group skin_type: oily",
        "skew", "audit",
    ]  # fmt: skip
    assert kept["checks"][3]["figures"]["low"] > 0
    said = capsys.readouterr().out
    assert "May good be promoted?" in said
    assert kept["verdict"] in said
    verify(good, read_manifest(good)["files"])  # the run itself is what it was


def test_a_decision_can_be_made_again(good: Path, incumbent: Path) -> None:
    kept = []
    for _ in range(2):
        gate(good, incumbent)
        kept.append((good / "gate.json").read_bytes())
    assert kept[0] == kept[1]


def test_a_group_that_loses_is_named(tmp_path: Path, incumbent: Path) -> None:
    decision = gate(audited(finished_run(tmp_path / "run", 0.95, oily=0.6)), incumbent)
    assert decision.verdict == "Refused: 1 of 8 checks failed: group skin_type: oily."
    assert not json.loads((tmp_path / "run" / "gate.json").read_text(encoding="utf-8"))["promoted"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"run": 3}'])
def test_a_damaged_audit_passes_nothing(good: Path, text: str) -> None:
    (good / "audit.json").write_text(text, encoding="utf-8")
    assert gate(good).verdict.endswith("failed: audit.")


def test_the_audit_of_another_run_passes_nothing(good: Path, incumbent: Path) -> None:
    (incumbent / "audit.json").write_bytes((good / "audit.json").read_bytes())
    assert not gate(incumbent).promoted
    assert gate(incumbent, need_audit=False).promoted


def test_skew_is_read_from_the_figures(tmp_path: Path) -> None:
    bad = {**SKEW, "passed": False, "worst": {"feature": "a.b", "psi": 0.7, "ks": 0.3}}
    assert gate(audited(finished_run(tmp_path / "bad", 0.9, skew=bad))).verdict.endswith("failed: skew.")
    assert "run it again" in gate(finished_run(tmp_path / "old", 0.9, skew=None)).checks[-2].why


def test_older_runs_without_groups_are_refused(good: Path) -> None:
    (good / "groups.parquet").unlink()
    manifest = json.loads((good / MANIFEST).read_text(encoding="utf-8"))
    del manifest["files"]["groups.parquet"]
    write_json(good / MANIFEST, manifest)
    assert gate(audited(good)).verdict.endswith("failed: groups.")


def test_what_was_changed_afterwards_is_not_judged(good: Path, incumbent: Path) -> None:
    (incumbent / "queries.parquet").write_bytes(b"")
    with pytest.raises(ArtefactError, match="cut or changed"):
        gate(good, incumbent)
    with pytest.raises(ArtefactError, match="folder of a finished run"):
        gate(good.with_name("nothing"))
    (good / "gate.json").unlink(missing_ok=True)
    (good / "metrics.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ArtefactError, match="cut or changed"):
        gate(good)
    assert not (good / "gate.json").exists()


def test_the_gate_asks_for_every_check_that_the_audit_knows(repository: Path) -> None:
    made, asked = (OmegaConf.load(repository / "conf" / f"{name}.yaml") for name in ("audit", "gate"))
    assert set(asked.gate.audit_checks) == set(made.checks)


def test_the_metric_must_have_been_measured(good: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"out of recall@5, ndcg@5\. Got ndcg@7"):
        gate(good, metric="ndcg@7")
    assert gate(good, metric="recall@5").promoted
