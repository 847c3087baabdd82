"""A table over the runs of a multirun."""

import json
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from evaluation.table import runs_table
from pipeline.artefacts import write_json
from pipeline.progress import output


class SweepTable(Callback):
    """Prints the main run of each job side by side when all are done, and keeps it as `sweep.json`."""

    def __init__(self) -> None:
        self._jobs: list[tuple[list[str], Path]] = []

    def on_job_end(self, config: DictConfig, job_return: Any, **kwargs: Any) -> None:
        """Remember a job's overrides and folder."""
        self._jobs.append((list(job_return.overrides), Path(config.hydra.runtime.output_dir)))

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Read the metrics of all jobs and show them, each by the overrides in which it differs."""
        common = set.intersection(*(set(overrides) for overrides, _ in self._jobs)) if self._jobs else set()
        found = [
            (
                ", ".join(name for name in overrides if name not in common) or "as configured",
                json.loads((folder / "metrics.json").read_text(encoding="utf-8")),
            )
            for overrides, folder in self._jobs
            if (folder / "metrics.json").is_file()
        ]
        if not found:
            return
        path = Path(config.hydra.sweep.dir) / "sweep.json"
        write_json(path, [{"overrides": label, "runs": metrics["runs"]} for label, metrics in found])
        console = output()
        console.print(runs_table(found))
        console.print(f"Table: {path}", highlight=False, soft_wrap=True)
