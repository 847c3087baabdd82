"""The recommended cell as an experiment: a file under conf/experiment, and the command that runs it."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dataset.errors import GlowrankError
from evaluation.table import with_interval
from pipeline.applications import checked
from pipeline.artefacts import write_text

FILE: Final = Path("conf/experiment/recommended.yaml")
_SET_ASIDE: Final = "split.set_aside="
Compose = Callable[[Sequence[str]], DictConfig]


@dataclass(frozen=True)
class Recommended:
    """How a cell is run by `glowrank experiment`.

    Parameters
    ----------
    overrides : tuple of str
        All that is given, without the file.
    file : Path or None
        The experiment; None where a file cannot say the same.
    reproduce : str
        The command that gives the cell's figures again.
    test : str
        The command that reads the test; empty where the cells have read it.
    """

    overrides: tuple[str, ...]
    file: Path | None
    reproduce: str
    test: str

    def as_json(self) -> dict[str, Any]:
        """The mapping of `conclusions.json`."""
        file = None if self.file is None else str(self.file)
        return {**self.__dict__, "overrides": list(self.overrides), "file": file}


def recommend(
    choice: Mapping[str, Any], name: str, base: Sequence[str], folder: Path, compose: Compose
) -> Recommended:
    """Write the experiment of a chosen cell into a folder, if it composes to what the cell was.

    Parameters
    ----------
    choice : mapping
        `recommended` of `conclusions.json`.
    name : str
        Of the benchmark.
    base : sequence of str
        Overrides of every cell.
    folder : Path
        The file is `FILE` in it.
    compose : callable
        What `glowrank experiment` would compose of overrides.
    """
    words = (*base, *choice["overrides"])
    file = folder / FILE
    text, left = as_experiment(words, is_group)
    conf = file.parents[1]
    meant = _plain(compose(words))
    for elsewhere in ([], _elsewhere()):  # what was configured in folders of the user's own may need them
        given = ["experiment=recommended", *([_searching(elsewhere)] if elsewhere else []), *left]
        command = shlex.join(["glowrank", "experiment", "--config-dir", str(conf), *given])
        told = Recommended(words, file, command, _test(command, words))
        write_text(file, _header(choice, name, told) + text)
        places = [f"file://{conf.absolute()}", *elsewhere]
        tried = [_searching(places), "experiment=recommended", *left]
        if _composed(compose, tried) == meant:
            return told
    file.unlink()
    command = shlex.join(["glowrank", "experiment", *words])
    unaware = [word for word in words if not word.startswith(_SET_ASIDE)]
    return Recommended(words, None, command, _test(shlex.join(["glowrank", "experiment", *unaware]), words))


def as_experiment(words: Sequence[str], is_group: Callable[[str], bool]) -> tuple[str, list[str]]:
    """Overrides as the YAML of an experiment, and those that no file can say: what is removed.

    Parameters
    ----------
    words : sequence of str
    is_group : callable
        Whether a key is a group of configuration files.
    """
    experiments: list[str] = []
    choices: dict[str, Any] = {}
    added: dict[str, Any] = {}
    body, left = OmegaConf.create({}), []
    for word, override in zip(words, OverridesParser.create().parse_overrides(list(words)), strict=True):
        value = override.value()
        if override.is_delete():
            left.append(word)
        elif override.key_or_group == "experiment":
            experiments = [str(one) for one in value] if isinstance(value, list) else [str(value)]
        elif not isinstance(value, dict) and is_group(override.key_or_group):
            (added if override.is_add() else choices)[_key(override)] = value
        else:
            OmegaConf.update(body, override.key_or_group, value, merge=True, force_add=True)
    OmegaConf.update(body, "run.name", "recommended", force_add=True)
    more = [{f"/{key}": value} for key, value in added.items()]
    overridden = [{f"override /{key}": value} for key, value in choices.items()]
    head = OmegaConf.create({"defaults": [*experiments, *more, "_self_", *overridden]})
    return OmegaConf.to_yaml(head) + OmegaConf.to_yaml(body), left


def is_group(key: str) -> bool:
    """Whether a key is a group of the configuration of the running command."""
    loader: ConfigLoader = GlobalHydra.instance().config_loader()
    return bool(loader.get_group_options(key))


def set_aside(words: Sequence[str]) -> int:
    """Windows at the end that overrides set aside."""
    found = [word.partition("=")[2] for word in words if word.startswith(_SET_ASIDE)]
    return int(found[-1]) if found and found[-1].isdigit() else 0


def judged(base: Sequence[str]) -> str:
    """What the cells are judged on."""
    n = set_aside(base)
    if n == 0:
        return "judged on the test"
    return "judged on the window before the test" if n == 1 else f"judged {n} windows before the end"


def _header(choice: Mapping[str, Any], name: str, told: Recommended) -> str:
    unread = "; the test has not been read" if told.test else ""
    again = (
        "Gives that figure again" if choice["exact"] else "Runs it; its figure is of all users, not of a draw"
    )
    lines = [
        "# @package _global_",
        f"# Recommended by glowrank benchmark {name}: {choice['cell']}.",
        f"# nDCG@10 {with_interval(choice['ndcg@10'])}, {judged(told.overrides)}{unread}.",
        f"# {again}:",
        f"#   {told.reproduce}",
    ]
    if told.test:
        lines += ["# Learns from what was set aside too, and reads the test, which should be done once:"]
        lines += [f"#   {told.test}"]
    return "\n".join(line.replace("\n", " ") for line in lines) + "\n"


def _test(command: str, words: Sequence[str]) -> str:
    return f"{command} {_SET_ASIDE}0" if set_aside(words) else ""


def _composed(compose: Compose, words: Sequence[str]) -> Any:
    """A configuration but for where its run goes; None where it cannot be composed."""
    try:
        return _plain(compose(words))
    except (HydraException, OmegaConfBaseException, GlowrankError):
        return None


def _plain(config: DictConfig) -> Any:
    plain = checked(lambda: OmegaConf.to_container(config, resolve=True))
    assert isinstance(plain, dict)
    return {key: value for key, value in plain.items() if key not in ("run", "hydra")}


def _elsewhere() -> list[str]:
    """Folders that the running command searches for configuration, beside ours."""
    if not HydraConfig.initialized():
        return []
    sources = HydraConfig.get().runtime.config_sources
    return [
        f"file://{source.path}"
        for source in sources
        if source.schema == "file" and source.provider != "hydra"
    ]


def _key(override: Override) -> str:
    return override.get_key_element().lstrip("+")


def _searching(places: Sequence[str]) -> str:
    return f"hydra.searchpath=[{','.join(map(_quoted, places))}]"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
