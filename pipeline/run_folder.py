"""The folder of a run: what was asked, what came out, and the model; complete once its manifest is there."""

import json
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from dataset.errors import ArtefactError, ConfigurationError, ResourceError
from pipeline.artefacts import MANIFEST, checksums, read_manifest, verify, write_json, write_text
from pipeline.fingerprint import fingerprint_of_code

LIBRARIES: Final = ("faiss-cpu", "hydra-core", "lightgbm", "numba", "numpy", "pandas", "pyarrow", "scipy")
_CODE: Final = ("dataset", "features", "retrieval", "ranking", "evaluation", "pipeline")


@dataclass(frozen=True)
class RunFolder:
    """A folder that one run writes and others read.

    Parameters
    ----------
    path : Path
    """

    path: Path

    @classmethod
    def begin(cls, path: Path, config: str) -> "RunFolder":
        """Make the folder and write the resolved configuration; an older manifest there no longer counts.

        Raises
        ------
        ConfigurationError
            If the path is a file, or a folder of something else.
        ResourceError
            If it cannot be written.
        """
        strangers = path.is_dir() and any(path.iterdir()) and not (path / "config.yaml").exists()
        if (path.exists() and not path.is_dir()) or strangers:
            raise ConfigurationError(f"run.dir must be new, empty or the folder of a run. Got {path}.")
        try:
            path.mkdir(parents=True, exist_ok=True)
            (path / MANIFEST).unlink(missing_ok=True)
            for stray in path.glob(".*." + "[0-9a-f]" * 32):  # of a run that was killed
                shutil.rmtree(stray) if stray.is_dir() else stray.unlink()
            write_text(path / "config.yaml", config)
            (path / "log.jsonl").write_text("", encoding="utf-8")
        except OSError as error:
            raise ResourceError(
                f"{path} must be a folder that can be written. Got: {error.strerror}."
            ) from error
        return cls(path)

    def log(self, event: str, **facts: object) -> None:
        """Append a line to `log.jsonl`."""
        line = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **facts}
        with (self.path / "log.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Write the manifest, last: facts, versions, and the checksum of every file."""
        self.log("finished")
        facts = {**facts, **provenance(), "code": fingerprint_of_code(*_CODE)}
        write_json(self.path / MANIFEST, {**facts, "files": checksums(self.path)})

    def holds(self, config: str, data: str) -> bool:
        """Whether a run is there, whole, that would come out the same if it were run again.

        Parameters
        ----------
        config : str
            Resolved, as `begin` writes it.
        data : str
            Digest of the tables.
        """
        try:
            manifest = self.read()
            is_asked = (self.path / "config.yaml").read_text(encoding="utf-8") == config
        except ArtefactError:
            return False
        now = provenance() | {"code": fingerprint_of_code(*_CODE), "data": data}
        made_with = ("data", "code", "glowrank", "python", "libraries")
        return is_asked and all(manifest.get(name) == now[name] for name in made_with)

    def read(self) -> dict[str, Any]:
        """The manifest, after every file that it lists has been verified."""
        if not self.path.is_dir():
            raise ArtefactError(
                f"run must be the folder of a finished run. Got {self.path}, which is no folder."
            )
        manifest = read_manifest(self.path)
        verify(self.path, manifest["files"])
        return manifest


def provenance() -> dict[str, Any]:
    """What the result was made with: revision of the code, versions, machine."""
    return {
        "glowrank": version("glowrank"),
        "revision": _revision(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
    }


def _revision() -> str | None:
    """Commit of the checkout that the code lies in, with "+" if it was changed; None outside of one."""
    try:
        commit = _git("rev-parse", "HEAD")
        changed = _git("status", "--porcelain", "-uno")
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{commit}+" if changed else commit


def _git(*words: str) -> str:
    folder = Path(__file__).parent
    command = ["git", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()
