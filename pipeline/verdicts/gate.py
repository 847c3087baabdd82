"""`glowrank gate`: from run folders to a decision, which is printed and kept beside the run."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pandas as pd
from omegaconf import DictConfig
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dataset.errors import ConfigurationError
from evaluation.gate import Check, Decision, Evidence, Gate, decide
from evaluation.table import STYLE
from pipeline.applications import checked
from pipeline.artefacts import write_json
from pipeline.configuration import build
from pipeline.progress import output
from pipeline.verdicts.finished_run import FinishedRun

RESULT: Final = "gate.json"
INTEGRITY: Final = Check("integrity", True, "every file is what its manifest says")


def run_gate(config: DictConfig) -> Decision:
    """Judge a run; prints the checks and the verdict, and writes `gate.json` beside the run.

    Raises
    ------
    ArtefactError
        If a folder is not that of a finished run, or a file in it was changed: there is nothing to judge.
    """
    path, other = checked(lambda: (config.run, config.against))
    gate: Gate = build(config, "gate")
    run = FinishedRun(Path(str(path)))
    incumbent = None if other is None else FinishedRun(Path(str(other)))
    evidence = evidence_of(gate, run, incumbent)
    found = decide(gate, evidence)
    decision = Decision((INTEGRITY, *found.checks), found.not_judged)
    write_json(run.path / RESULT, _as_json(gate, evidence, decision, incumbent))
    _show(decision, run)
    return decision


def evidence_of(gate: Gate, run: FinishedRun, incumbent: FinishedRun | None) -> Evidence:
    """What the folders of a run and of the one in use tell.

    Raises
    ------
    ConfigurationError
        If the run was not measured by the gate's metric.
    """
    metric = gate.metric or f"ndcg@{run.headline}"
    if metric not in run.metric_names:
        raise ConfigurationError(
            f"gate.metric must be out of {', '.join(run.metric_names)}. Got {metric}; the run lacks it."
        )
    groups, audit = run.path / "groups.parquet", run.path / "audit.json"
    return Evidence(
        metric=metric,
        values=run.values(metric),
        incumbent=None if incumbent is None else incumbent.values(metric),
        groups=pd.read_parquet(groups) if groups.is_file() else None,
        skew=run.metrics.get("skew"),
        audit=_json(audit) if audit.is_file() else None,
        sha256=run.sha256,
    )


def _json(path: Path) -> dict[str, Any]:
    """An object that was written to a file; an empty one, which passes no check, if it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _as_json(
    gate: Gate, evidence: Evidence, decision: Decision, incumbent: FinishedRun | None
) -> dict[str, Any]:
    return {
        "run": evidence.sha256,
        "against": None if incumbent is None else incumbent.sha256,
        "promoted": decision.promoted,
        "verdict": decision.verdict,
        "settings": {**asdict(gate), "metric": evidence.metric},
        "checks": [asdict(check) for check in decision.checks],
        "not_judged": dict(decision.not_judged),
    }


def _show(decision: Decision, run: FinishedRun) -> None:
    table = Table(title=escape(f"May {run.path.resolve().name} be promoted?"), **STYLE)
    table.add_column("check", overflow="fold")
    table.add_column("passed")
    table.add_column("why", overflow="fold")
    for check in decision.checks:
        passed = "yes, but" if check.warning else "yes" if check.passed else "no"
        style = "" if check.passed else "bold"
        table.add_row(Text(check.name), passed, Text(check.why), style=style)
    said = [decision.verdict, f"Decision: {run.path / RESULT}"]
    if decision.not_judged:
        small = ", ".join(f"{name} ({n})" for name, n in decision.not_judged.items())
        said.insert(0, f"Too few users to judge: {small}.")
    console = output()
    console.print(table)
    for sentence in said:
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)
