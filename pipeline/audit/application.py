"""`glowrank audit RUN`: all checks of a run, one after the other, and what they found beside it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from dataset.errors import ArtefactError, ConfigurationError, DataContractError
from pipeline.applications import checked, experiment_of
from pipeline.artefacts import MANIFEST, sha256, write_json
from pipeline.audit.audited import Audited, Check, Finding, silent
from pipeline.cache import Cache
from pipeline.configuration import build
from pipeline.experiment import Experiment
from pipeline.preparation import load
from pipeline.progress import Stopwatch, output
from pipeline.run_folder import RunFolder, provenance

AUDIT: Final = "audit.json"
_OTHER_CODE: Final = (
    "The run was made with another revision of the code: what is trained again here may differ for that "
    "reason alone; run the experiment again to be sure."
)


def run_audit(config: DictConfig) -> dict[str, Any]:
    """Check a run; prints a table of findings and writes `audit.json` into its folder.

    Raises
    ------
    ArtefactError
        If the run is not finished or damaged, or the data is not that of the run.
    DataContractError
        With the first finding, if a check failed; all of them have been made by then.
    """
    run = checked(lambda: Path(str(config.run)))
    checks = _checks(config)
    manifest = RunFolder(run).read()
    made = OmegaConf.create((run / "config.yaml").read_text(encoding="utf-8"))
    assert isinstance(made, DictConfig)  # the manifest vouches for it
    experiment = _on_this_machine(experiment_of(made), config)
    console = Console(stderr=True, highlight=False)
    with console.status("preparation") as status:
        audited = audited_of(run, experiment, manifest, status.update)
        revision = provenance()["revision"]
        facts = {"settings": OmegaConf.to_container(config, resolve=True), "revision": revision}
        if revision != manifest.get("revision"):
            console.print(_OTHER_CODE, soft_wrap=True)
        report = audit(audited, checks, facts, _shown_on(console))
    output().print(_table(report["checks"]))
    output().print(f"Audit: {run / AUDIT}", highlight=False, markup=False, soft_wrap=True)
    for name, found in report["checks"].items():
        if not found["passed"]:
            raise DataContractError(f"{run} must not be believed, says the check {name}: {found['finding']}")
    return report


def audited_of(
    run: Path, experiment: Experiment, manifest: Mapping[str, Any], say: Callable[[str], None] = silent
) -> Audited:
    """The run with its data, which must be the one that it was made with."""
    cache = experiment.recommender.cache
    dataset = load(experiment.source, cache, experiment.seed, experiment.cleaning).dataset
    if dataset.digest != manifest.get("data"):
        raise ArtefactError(
            f"An audit needs the data that {run} was made with. Got other data; bring the old files back, "
            "or run the experiment again."
        )
    split = experiment.splitter.split(dataset)
    return Audited(run=run, experiment=experiment, dataset=dataset, split=split, say=say)


def audit(
    audited: Audited,
    checks: Mapping[str, Check],
    facts: Mapping[str, Any],
    done: Callable[[str, Mapping[str, Any]], None] = lambda name, found: None,
) -> dict[str, Any]:
    """Make all checks; what was found stands in `audit.json` after each of them, whatever happens then.

    Parameters
    ----------
    audited : Audited
    checks : mapping of str to Check
        In the order in which they are made.
    facts : mapping
        What else `audit.json` says.
    done : callable
        Told the name of each check that was made, and what stands in `audit.json` of it.

    Returns
    -------
    dict
        The content of `audit.json`: `run` (sha256 of the run's manifest), `complete`, `passed`, `checks`,
        and the facts.
    """
    found: dict[str, Any] = {}
    report = {"run": sha256(audited.run / MANIFEST), "complete": False, "passed": False, "checks": found}
    report |= facts
    write_json(audited.run / AUDIT, report)
    for name, check in checks.items():
        audited.say(name.replace("_", " "))
        start = time.perf_counter()
        finding = _found(check, audited)
        seconds = time.perf_counter() - start
        found[name] = {
            "passed": finding.passed,
            "finding": finding.text,
            "seconds": seconds,
            **finding.figures,
        }
        write_json(audited.run / AUDIT, report)
        done(name, found[name])
    report |= {"complete": True, "passed": all(part["passed"] for part in found.values())}
    write_json(audited.run / AUDIT, report)
    return report


def _found(check: Check, audited: Audited) -> Finding:
    """What a check found; data that cannot be worked with is a finding too, and the next check is made."""
    try:
        return check.check(audited)
    except DataContractError as error:
        return Finding(False, f"The check could not be made: {error}")


def _checks(config: DictConfig) -> dict[str, Check]:
    names = checked(lambda: list(config.checks or ()))
    if not names:
        raise ConfigurationError("checks must name at least one check. Got none; leave one in checks.")
    return {str(name): build(config, f"checks.{name}") for name in names}


def _on_this_machine(experiment: Experiment, config: DictConfig) -> Experiment:
    """The experiment with the engine and the cache of the audit; by default in the run's own blocks."""
    spec, engine = experiment.recommender, build(config, "engine")
    block_size, cache_dir = checked(lambda: (config.block_size or spec.block_size, config.cache_dir))
    cache = Cache(Path(cache_dir) if cache_dir else None)
    spec = replace(spec, engine=engine, cache=cache, block_size=block_size, stopwatch=Stopwatch())
    return replace(experiment, recommender=spec)


def _shown_on(console: Console) -> Callable[[str, Mapping[str, Any]], None]:
    """A line for each check, like those of the stages of an experiment."""

    def show(name: str, found: Mapping[str, Any]) -> None:
        console.print(f"[dim]{name.replace('_', ' '):<18}{found['seconds']:8.1f} s[/]")

    return show


def _table(checks: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table(box=None)
    for name in ("check", "result", "finding"):
        table.add_column(name, overflow="fold")
    table.add_column("seconds", justify="right")
    for name, found in checks.items():
        result = "passed" if found["passed"] else "[bold red]FAILED[/]"
        table.add_row(name, result, escape(found["finding"]), f"{found['seconds']:.1f}")
    return table
