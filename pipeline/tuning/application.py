"""From the settings of `glowrank tune` to a study and what it leaves."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, ListConfig, OmegaConf
from rich.console import Console
from rich.text import Text

from dataset.errors import ConfigurationError
from evaluation.intervals import Interval
from evaluation.table import with_interval
from pipeline.ablation import reduced
from pipeline.applications import checked
from pipeline.artefacts import write_json, write_text
from pipeline.configuration import build
from pipeline.progress import Stopwatch, output
from pipeline.tuning.objective import Objective
from pipeline.tuning.space import Space
from pipeline.tuning.specification import Tuning
from pipeline.tuning.study import keep_values, opened, run, values_of
from pipeline.tuning.summary import (
    HEADER,
    as_experiment,
    as_markdown,
    best_of,
    best_trials_table,
    line,
    start_of,
    summary,
)

DECISIVE = ("seed", "split", "features", "retrieval", "ranking", "evaluation")


@dataclass(frozen=True)
class Asked:
    """What the command line said.

    Parameters
    ----------
    experiments : sequence of str
        The chosen files of conf/experiment.
    overrides : sequence of str
    """

    experiments: Sequence[str]
    overrides: Sequence[str]

    @classmethod
    def of_hydra(cls) -> "Asked":
        """Of the running command."""
        hydra = HydraConfig.get()
        chosen = hydra.runtime.choices.get("experiment")
        several = list(chosen) if isinstance(chosen, list | ListConfig) else [chosen] if chosen else []
        return cls(several, list(hydra.overrides.task))

    def command(self, experiment: str, tuned: Sequence[str]) -> str:
        """The command that runs an experiment file on the same data, with what else was overridden."""
        ours = {"experiment", "space", "run.dir", *tuned}
        keys = [override.partition("=")[0].lstrip("+~") for override in self.overrides]
        left = [
            override
            for key, override in zip(keys, self.overrides, strict=True)
            if key not in ours and not key.startswith("tune.")
        ]
        return shlex.join(["glowrank", "experiment", f"experiment={experiment}", *left])


def run_tune(config: DictConfig) -> dict[str, Any]:
    """Begin a study or go on with it; prints a line for each trial, the best ones, and where they are."""
    return tune(config, Asked.of_hydra())


def tune(config: DictConfig, asked: Asked) -> dict[str, Any]:
    """`run_tune` without Hydra's application."""
    tuning: Tuning = build(config, "tune")
    config = checked(lambda: reduced(config))
    space = checked(lambda: Space.of(tuning.space, config))
    folder, console = Path(tuning.dir), output()
    _check_out(tuning, asked)
    with Stopwatch(Console(stderr=True)).stage("preparation"):
        objective = Objective.of(space, tuning.metric, tuning.rehearsals)
    found: dict[str, Any] = {}
    with opened(folder, _identity(config, tuning, objective)) as study:

        def tell(number: int) -> None:
            found.update(_write(study, tuning, objective, asked))
            waiting.stop()  # two consoles cannot write to one terminal at a time
            console.print(Text(line(found, number)), soft_wrap=True)
            waiting.start()

        with Console(stderr=True).status(f"{tuning.name}: {tuning.n_trials} trials") as waiting:
            run(study, tuning, objective, folder, tell)
        found.update(_write(study, tuning, objective, asked))
    console.print(best_trials_table(found))
    if found["best - start"] is not None:
        gain = with_interval(found["best - start"])
        console.print(Text(f"Best minus as configured: {gain}, users paired"), soft_wrap=True)
    for name, path in (("Summary", folder / "summary.md"), ("Best", tuning.out or folder / "best.yaml")):
        console.print(Text(f"{name}: {path}"), soft_wrap=True)
    console.print(Text(f"Test: {found['test']}"), soft_wrap=True)
    return found


def _write(study: optuna.Study, tuning: Tuning, objective: Objective, asked: Asked) -> dict[str, Any]:
    """Bring the files of the study up to date; returns the summary."""
    folder = Path(tuning.dir)
    copied = "" if tuning.out else "copy best.yaml to conf/experiment/NAME.yaml, then "
    name = Path(tuning.out).stem if tuning.out else "NAME"
    test = f"{copied}run `{asked.command(name, list(objective.space.distributions))}`"
    found = summary(study, tuning, objective, _difference(study, objective, folder), test)
    best = best_of(study)
    if best is not None:
        text = as_experiment(best, tuning, objective, asked.experiments, found["trials_done"])
        write_text(folder / "best.yaml", text)
        if tuning.out:
            write_text(Path(tuning.out), text)
    write_json(folder / "summary.json", found)
    write_text(folder / "summary.md", as_markdown(found))
    return found


def _difference(study: optuna.Study, objective: Objective, folder: Path) -> Interval | None:
    """The best trial minus the first, from the values that are kept of these two alone."""
    start, best = start_of(study), best_of(study)
    if start is None or best is None:
        return None
    keep_values(folder, {start.number, best.number})
    one, other = values_of(folder, best.number), values_of(folder, start.number)
    return None if one is None or other is None else objective.difference(one, other)


def _identity(config: DictConfig, tuning: Tuning, objective: Objective) -> dict[str, Any]:
    """What must not change while a study goes on, by dotted key."""
    facts: dict[str, Any] = {"dataset.digest": objective.data, **tuning.facts}
    facts |= {f"tune.space.{key}": str(found) for key, found in objective.space.distributions.items()}
    for part in DECISIVE:
        node = OmegaConf.select(config, part)
        plain = OmegaConf.to_container(node, resolve=True) if OmegaConf.is_config(node) else node
        facts |= _flat(part, plain)
    return facts


def _flat(key: str, node: Any) -> dict[str, Any]:
    if not isinstance(node, dict) or not node:
        return {key: node}
    return {name: leaf for part in node for name, leaf in _flat(f"{key}.{part}", node[part]).items()}


def _check_out(tuning: Tuning, asked: Asked) -> None:
    """Refuse to write over what a person wrote, and what the study is built upon."""
    if tuning.out is None:
        return
    out = Path(tuning.out)
    if out.stem in asked.experiments:
        raise ConfigurationError(
            f"tune.out must be another file than the experiment that the study builds upon. Got {out}."
        )
    if out.exists() and not (out.is_file() and out.read_text(encoding="utf-8").startswith(HEADER)):
        raise ConfigurationError(f"tune.out must be new, or written by a study before. Got {out}.")
