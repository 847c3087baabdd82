"""A process of its own for one piece of work: `python -m pipeline.benchmarking.worker FOLDER`.

The folder holds `job.json`; `result.json` is put there: the facts, or the reason why there are none.
"""

import json
import os
import sys
import threading
from pathlib import Path
from typing import Any, Final

import numpy as np

from dataset.errors import GlowrankError
from pipeline.artefacts import write_json
from pipeline.benchmarking.asked_cell import measure_cell
from pipeline.benchmarking.building import build_data, build_model

JOB: Final = "job.json"
RESULT: Final = "result.json"


def main(folder: Path) -> None:
    """Do the work of a folder."""
    threading.Thread(target=_end_with_the_parent, daemon=True).start()
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    try:
        result: dict[str, Any] = {"facts": done(job)}
    except GlowrankError as error:
        result = {"reason": str(error)}
    except MemoryError:
        result = {"reason": "The work must fit into memory. Got too little of it."}
    write_json(folder / RESULT, result)


def done(job: dict[str, Any]) -> dict[str, Any]:
    """The facts that a piece of work brings to light."""
    if job["task"] == "data":
        return build_data(job["config"], job["references"], Path(job["folder"]))
    if job["task"] == "model":
        return build_model(job["config"], Path(job["folder"]))
    model = Path(job["model"]) if job["model"] else None
    facts = measure_cell(
        job["kind"], job["config"], Path(job["data"]), model, job["reference"], job["settings"]
    )
    values = Path(job["values"])
    values.parent.mkdir(parents=True, exist_ok=True)
    temporary = values.with_name(f".{values.name}")
    with temporary.open("wb") as file:
        np.save(file, facts.pop("values"), allow_pickle=False)
    temporary.replace(values)
    return facts


def _end_with_the_parent() -> None:
    """The other end of standard input is held by the parent alone: it closes when that ends, even killed."""
    os.read(0, 1)  # not through sys.stdin, whose lock a waiting thread would hold when the process ends
    os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
