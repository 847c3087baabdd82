"""From composed YAML to specifications; the one place where targets are instantiated."""

import importlib
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any, Final

from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dataset.errors import ConfigurationError, GlowrankError

PACKAGES: Final = ("dataset", "features", "retrieval", "ranking", "evaluation", "pipeline")
_REFUSED: Final = ("_args_", "_partial_", "_convert_", "_recursive_")


def build(config: DictConfig, key: str) -> Any:
    """The specification under `key`.

    Raises
    ------
    ConfigurationError
        If a target is not a specification of ours, a value is missing, or a parameter is unknown or
        refused by the specification's own checks.
    """
    node = OmegaConf.select(config, key)
    if node is None:
        raise ConfigurationError(f"The configuration must have '{key}'. Got nothing there.")
    try:
        if OmegaConf.is_config(node):
            check_targets(OmegaConf.to_container(node, resolve=True, throw_on_missing=True))
        if not isinstance(node, DictConfig) or "_target_" not in node:
            raise ConfigurationError(f"'{key}' must be a component with a _target_. Got {node}.")
        return instantiate(node, _convert_="object")
    except HydraException as error:
        raise _explained(key, error) from error
    except OmegaConfBaseException as error:
        raise ConfigurationError(_one_line(error)) from error


def check_targets(node: object) -> None:
    """Refuse every `_target_` that is not a dataclass of our own packages, before anything is imported."""
    for target in _targets(node):
        module, _, name = target.rpartition(".") if isinstance(target, str) else ("", "", "")
        if module.partition(".")[0] not in PACKAGES or not all(
            part.isidentifier() for part in target.split(".")
        ):
            raise ConfigurationError(
                f"A _target_ must be a specification of {', '.join(PACKAGES)}. Got {target!r}."
            )
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ConfigurationError(f"A _target_ must exist. Got {target!r}: {_one_line(error)}.") from error
        # The object's own module is checked too: an import inside a module of ours is no specification.
        if not (isinstance(found, type) and is_dataclass(found) and found.__module__ == module):
            raise ConfigurationError(f"A _target_ must be a specification of ours. Got {target!r}.")


def _targets(node: object) -> Iterator[Any]:
    if isinstance(node, dict):
        for key in _REFUSED:
            if key in node:
                raise ConfigurationError(f"A component takes a _target_ and arguments only. Got {key!r}.")
        if "_target_" in node:
            yield node["_target_"]
        for part in node.values():
            yield from _targets(part)
    elif isinstance(node, list):
        for part in node:
            yield from _targets(part)


def _explained(key: str, error: BaseException) -> GlowrankError:
    """Our own error if one lies behind Hydra's, else its first sentence."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, GlowrankError):
            return cause
        if isinstance(cause, TypeError) and "argument" in str(cause):
            return ConfigurationError(f"'{key}' has a parameter too many or too few: {_one_line(cause)}.")
        cause = cause.__cause__
    return ConfigurationError(f"'{key}' cannot be built: {_one_line(error)}")


def _one_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]).rstrip(".") if lines else type(error).__name__
