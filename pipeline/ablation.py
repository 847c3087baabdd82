"""Leaving parts of an experiment out by their path: `without=retrieval.sources.ease`."""

import copy
from collections.abc import Iterable
from typing import Any, Final

from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from dataset.errors import ConfigurationError

STAGE_TWO: Final = "ranking"
_NOT_LEARNT: Final = {"_target_": "ranking.reciprocal_rank_fusion.ReciprocalRankFusion"}


def reduced(config: DictConfig) -> DictConfig:
    """The configuration without the parts that its `without` names, and with `without` null.

    A part is an entry of a mapping inside a component: a source, a feature family, an embedding, a pattern
    of excluded columns, a baseline. Without `ranking` what remains is the order of stage one, that of
    reciprocal rank fusion.

    Raises
    ------
    ConfigurationError
        If there is no such part, or what the path leads to is no part.
    """
    paths = left_out(config)
    if not paths:
        return config
    whole, config = config, copy.deepcopy(config)
    with open_dict(config):
        for path in paths:
            _remove(config, path)
        _restore_references(config, whole)
        config.without = None  # so that what is left can be composed and built again
    return config


def left_out(config: DictConfig) -> tuple[str, ...]:
    """The paths under `without`."""
    value = OmegaConf.select(config, "without")
    paths = tuple(value) if isinstance(value, ListConfig) else () if value is None else (value,)
    if not all(isinstance(path, str) for path in paths):
        raise ConfigurationError(
            f"without must be the dotted path of a part, or a list of such paths. Got {value!r}."
        )
    return paths


def parts_of(path: str, *, _root_: DictConfig) -> str:
    """The paths of all entries under `path`, as Hydra sweeps over them: "a.b.x,a.b.y"."""
    return ",".join(f"{path}.{name}" for name in OmegaConf.select(_root_, path) or ())


OmegaConf.register_new_resolver("parts_of", parts_of, replace=True)


def _remove(config: DictConfig, path: str) -> None:
    *above, name = path.split(".")
    nodes: list[Any] = [config]
    for depth, step in enumerate((*above, name)):
        if not isinstance(nodes[-1], DictConfig) or step not in nodes[-1]:
            raise _not_there(nodes[-1], ".".join(above[:depth]), path)
        nodes.append(nodes[-1][step])
    if path == STAGE_TWO:
        config[STAGE_TWO] = _NOT_LEARNT
    elif not above or _is_component(nodes[-2]) or not any(map(_is_component, nodes)):
        raise ConfigurationError(
            f"without must name {STAGE_TWO} or an entry of a mapping, such as those of retrieval.sources, "
            f"features.families or features.exclude. Got {path}, which can be changed but not left out."
        )
    else:
        del nodes[-2][name]


def _restore_references(node: Any, whole: Any) -> None:
    """Give references that lead nowhere now what they led to; the others still follow what they lead to."""
    keys: Iterable[Any] = node if isinstance(node, DictConfig) else range(len(node))
    for key in keys:
        if OmegaConf.is_interpolation(node, key):
            if _followed(node, key) is None and (value := _followed(whole, key)) is not None:
                node[key] = value
        elif not OmegaConf.is_missing(node, key) and OmegaConf.is_config(node[key]):
            _restore_references(node[key], whole[key])


def _followed(node: Any, key: Any) -> Any:
    """What a reference leads to, by itself; None where it leads nowhere."""
    try:
        value = node[key]
        return OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
    except OmegaConfBaseException:
        return None


def _is_component(node: object) -> bool:
    return isinstance(node, DictConfig) and "_target_" in node


def _not_there(node: object, place: str, path: str) -> ConfigurationError:
    names = [str(name) for name in node if name != "_target_"] if isinstance(node, DictConfig) else []
    return ConfigurationError(
        f"without must name a part that is there; {place or 'the configuration'} has "
        f"{', '.join(names) or 'no parts'}. Got {path}."
    )
