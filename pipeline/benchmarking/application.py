"""From the settings of `glowrank benchmark` to a file of cells."""

import json
import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra import compose
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, ListConfig, OmegaConf
from rich.console import Console
from rich.text import Text

from dataset.errors import ResourceError
from pipeline.applications import checked
from pipeline.artefacts import MANIFEST
from pipeline.benchmarking.building import FACTS
from pipeline.benchmarking.conclusions import conclude, show
from pipeline.benchmarking.jobs import Limits, Outcome, run_job
from pipeline.benchmarking.plan import Plan, PlannedCell
from pipeline.benchmarking.results import CELLS, Results
from pipeline.benchmarking.specification import Benchmark
from pipeline.benchmarking.table import cells_table, told
from pipeline.configuration import build
from pipeline.locks import held
from pipeline.progress import Stopwatch, output
from pipeline.run_folder import provenance

OURS = ("benchmark", "out", "run", "hydra")


def run_benchmark(config: DictConfig) -> Path:
    """Measure the cells that are not there yet; prints a line for each, and a table of all."""
    benchmark: Benchmark = build(config, "benchmark")
    folder = checked(lambda: Path(str(config.out)))
    configured = OmegaConf.to_container(config.benchmark.references, resolve=True)
    assert isinstance(configured, dict)
    references = {str(name): node for name, node in configured.items() if node is not None}
    base = base_of_hydra(benchmark)
    plan = Plan.of(benchmark, references, base, composed)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ResourceError(
            f"{folder} must be a folder that can be written. Got: {error.strerror}."
        ) from error
    with held(folder / ".lock"):
        results = Results.opened(folder, plan, retry=benchmark.retry)
        results.begin({"name": benchmark.name, "base": list(base), "settings": benchmark.facts})
        measure(results, benchmark)
        found = conclude(folder, benchmark.name, base, composed)
    console = output()
    console.print(cells_table([results.lines[cell.key] for cell in plan.cells]))
    console.print(Text(f"Cells: {folder / CELLS}"), soft_wrap=True)
    show(found, folder, console)
    return folder


def composed(words: Sequence[str]) -> DictConfig:
    """What `glowrank experiment` would compose of overrides."""
    return compose("experiment", list(words))


def base_of_hydra(benchmark: Benchmark) -> tuple[str, ...]:
    """What the running command says of the experiment, as overrides of `glowrank experiment`."""
    hydra = HydraConfig.get()
    chosen = hydra.runtime.choices.get("experiment")
    several = list(chosen) if isinstance(chosen, list | ListConfig) else [chosen] if chosen else []
    words = [word for word in hydra.overrides.task if _key(word).partition(".")[0] not in OURS]
    keys = {_key(word) for word in words}
    experiment = [] if "experiment" in keys or not several else [f"experiment={_listed(several)}"]
    aside = [] if "split.set_aside" in keys else [f"split.set_aside={benchmark.set_aside}"]
    return (*experiment, *words, *aside)


def measure(results: Results, benchmark: Benchmark) -> None:
    """Measure every cell that has no line yet, each in a process of its own."""
    watch = Stopwatch(Console(stderr=True))
    surroundings = {"versions": versions(), "processor": processor()}
    work = _Work(results, benchmark)
    work.sweep()
    pending = results.pending()
    for number, cell in enumerate(watch.track(pending, len(pending), benchmark.name)):
        facts = {**surroundings, **work.facts(cell)}
        line = results.add(cell, facts)
        watch.console.print(Text(told(line)), soft_wrap=True)
        if not benchmark.keep_models:
            work.tidy({other.model for other in pending[number + 1 :]})
    work.sweep()


@dataclass(frozen=True)
class _Work:
    """Data, models and cells of a benchmark, made when they are needed."""

    results: Results
    benchmark: Benchmark
    made: dict[Path, Outcome] = field(default_factory=dict)

    def facts(self, cell: PlannedCell) -> dict[str, Any]:
        """What a line says of a cell, done or failed."""
        data = self._data(cell.data)
        facts: dict[str, Any] = {name: data.facts.get(name) for name in _OF_DATA}
        if data.reason is not None:
            return {**facts, "status": "failed", "reason": f"The data could not be made: {data.reason}"}
        if cell.kind == "source":
            fitted = data.facts["references"][cell.reference]
            if "reason" in fitted:
                return {**facts, "status": "failed", "reason": fitted["reason"]}
            facts |= fitted
        if cell.model:
            model = self._model(cell.model)
            facts |= model.facts
            if model.reason is not None:
                return {**facts, "status": "failed", "reason": f"The model could not be made: {model.reason}"}
        outcome = self._asked(cell)
        status = "done" if outcome.reason is None else "failed"
        return {**facts, **outcome.facts, "status": status, "reason": outcome.reason}

    def tidy(self, needed: set[str]) -> None:
        """Take models away that no other cell will ask."""
        for key in self.results.plan.models:
            if key not in needed:
                shutil.rmtree(self._place("builds", key), ignore_errors=True)

    def sweep(self) -> None:
        """Take away what a killed run left half made."""
        folder = self.results.folder
        for stray in (folder / "scratch", *folder.glob("*/.*." + "[0-9a-f]" * 32)):
            shutil.rmtree(stray, ignore_errors=True)

    def _data(self, key: str) -> Outcome:
        place, plan = self._place("data", key), self.results.plan
        job = {"task": "data", "config": plan.data[key], "references": plan.references, "folder": str(place)}
        return self._made(place, job)

    def _model(self, key: str) -> Outcome:
        place = self._place("builds", key)
        job = {"task": "model", "config": self.results.plan.models[key], "folder": str(place)}
        return self._made(place, job)

    def _made(self, place: Path, job: Mapping[str, Any]) -> Outcome:
        """What is in a folder; it is filled first, once, if it is not there whole."""
        if place not in self.made:
            if (place / MANIFEST).exists():
                self.made[place] = Outcome(json.loads((place / FACTS).read_text(encoding="utf-8")))
            else:
                self.made[place] = self._run(job, self.benchmark.build_minutes)
        return self.made[place]

    def _asked(self, cell: PlannedCell) -> Outcome:
        job = {
            "task": "cell",
            "kind": cell.kind,
            "config": cell.config,
            "data": str(self._place("data", cell.data)),
            "model": str(self._place("builds", cell.model)) if cell.model else None,
            "reference": cell.reference,
            "settings": self.benchmark.facts,
            "values": str(self.results.values(cell)),
        }
        return self._run(job, self.benchmark.cell_minutes)

    def _run(self, job: Mapping[str, Any], minutes: float | None) -> Outcome:
        limits = Limits(minutes, self.benchmark.memory_gb)
        return run_job(job, limits, self.results.folder / "scratch")

    def _place(self, kind: str, key: str) -> Path:
        return (self.results.folder / kind / key).absolute()


_OF_DATA = ("data", "n_items", "n_users", "n_events")


def versions() -> dict[str, Any]:
    """What the figures were made with."""
    facts = provenance()
    return {name: facts[name] for name in ("glowrank", "revision", "python", "libraries")}


def processor() -> dict[str, Any]:
    """What the seconds were measured on."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return {"name": next(names, platform.processor() or platform.machine()), "cores": os.cpu_count()}


def _key(override: str) -> str:
    return override.partition("=")[0].lstrip("+~")


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"[{','.join(names)}]"
