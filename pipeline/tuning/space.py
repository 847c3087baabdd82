"""The search space: which settings vary, between what, and what they are without a study."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

from omegaconf import DictConfig, OmegaConf
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from dataset.errors import ConfigurationError

Value = None | bool | int | float | str
PARTS: Final = ("retrieval", "features", "ranking")
_WORDS: Final = frozenset({"low", "high", "log", "step", "choices"})
_SHAPING: Final = ("ranking.sampling.", "ranking.stop_at")


@dataclass(frozen=True)
class Space:
    """The settings that a study varies, by dotted key.

    Parameters
    ----------
    config : DictConfig
        The configuration as given.
    distributions : mapping of str to BaseDistribution
    start : mapping of str to value
        What the configuration has, as the distributions write it: the first trial.
    """

    config: DictConfig
    distributions: Mapping[str, BaseDistribution]
    start: Mapping[str, Value]

    @classmethod
    def of(cls, space: Mapping[str, Any], config: DictConfig) -> "Space":
        """Read a space and check it against the configuration.

        Raises
        ------
        ConfigurationError
            If a key is no value of retrieval, features or ranking, its distribution cannot be read, or it
            does not hold the configured value.
        """
        leaves = dict(_leaves(space, ""))
        if not leaves:
            raise ConfigurationError("tune.space must hold at least one setting. Got none; see conf/space.")
        distributions = {key: _distribution(key, leaf) for key, leaf in leaves.items()}
        start = {key: _start(key, found, _configured(config, key)) for key, found in distributions.items()}
        return cls(config, distributions, start)

    @property
    def shares_tables(self) -> bool:
        """Whether all trials are trained and validated on the same tables, by the same measure.

        Only then can what they have reached after so many trees be compared, and only then is a stage
        that one trial computes of use to the others.
        """
        return all(key.startswith("ranking.") and not key.startswith(_SHAPING) for key in self.distributions)

    def applied(self, values: Mapping[str, Value]) -> DictConfig:
        """The configuration with other values; an int where a float was configured is given as a float."""
        config = copy.deepcopy(self.config)
        for key, value in values.items():
            as_float = type(value) is int and isinstance(OmegaConf.select(self.config, key), float)
            OmegaConf.update(config, key, float(value) if as_float and value is not None else value)
        return config

    def nested(self, values: Mapping[str, Value]) -> DictConfig:
        """Those values of `applied` alone, nested as in the configuration."""
        config, alone = self.applied(values), OmegaConf.create({})
        for key in values:
            OmegaConf.update(alone, key, OmegaConf.select(config, key), force_add=True)
        return alone


def _leaves(node: Mapping[str, Any], path: str) -> Iterator[tuple[str, Any]]:
    """Dotted keys and what stands there."""
    for name, part in node.items():
        key = f"{path}{name}"
        if isinstance(part, Mapping) and not _WORDS & set(part):
            yield from _leaves(part, f"{key}.")
        else:
            yield key, part


def _configured(config: DictConfig, key: str) -> Value:
    """The value that is configured under `key`, which must be one that a study may vary."""
    *above, name = key.split(".")
    if not above or above[0] not in PARTS or any(part.startswith("_") for part in (*above, name)):
        raise ConfigurationError(
            f"tune.space takes settings of {', '.join(PARTS)}; what the data is and how it is judged stays "
            f"as it is. Got {key}."
        )
    node = OmegaConf.select(config, ".".join(above))
    if not isinstance(node, DictConfig) or name not in node:
        raise ConfigurationError(f"tune.space must name settings of the configuration. Got {key}.")
    value = node[name]
    if OmegaConf.is_config(value):
        raise ConfigurationError(f"tune.space must name single values. Got {key}, which holds several.")
    return value  # type: ignore[no-any-return]


def _distribution(key: str, leaf: Any) -> BaseDistribution:
    words = set(leaf) if isinstance(leaf, Mapping) else set()
    if words == {"choices"}:
        return CategoricalDistribution(_choices(key, leaf["choices"]))
    if not {"low", "high"} <= words <= _WORDS - {"choices"}:
        raise _refused(key, "must be {low, high}, with log or step if need be, or {choices}", leaf)
    low, high, step, log = leaf["low"], leaf["high"], leaf.get("step"), leaf.get("log", False)
    if not _is_number(low) or not _is_number(high) or not low < high:
        raise _refused(key, "must go from a low number to a higher one", leaf)
    if type(log) is not bool or (log and (low <= 0 or step is not None)):
        raise _refused(key, "can be log only from above 0 and without a step", leaf)
    if step is not None and not (_is_number(step) and step > 0 and _is_multiple(high - low, step)):
        raise _refused(key, "must be divided evenly by its step", leaf)
    if type(low) is int and type(high) is int:
        if step is not None and type(step) is not int:
            raise _refused(key, "must have a whole step between whole numbers", leaf)
        return IntDistribution(low, high, log=log, step=step or 1)
    return FloatDistribution(float(low), float(high), log=log, step=step)


def _choices(key: str, choices: Any) -> tuple[Value, ...]:
    listed = isinstance(choices, Sequence) and not isinstance(choices, str) and len(choices) > 1
    if not listed or not all(isinstance(entry, bool | int | float | str | None) for entry in choices):
        raise _refused(key, "must have a list of at least two plain values as choices", choices)
    if any(_is_same(choices[i], choices[j]) for i in range(len(choices)) for j in range(i)):
        raise _refused(key, "must have choices that differ", choices)
    return tuple(choices)


def _start(key: str, distribution: BaseDistribution, value: Value) -> Value:
    """The configured value as the distribution writes it."""
    if isinstance(distribution, CategoricalDistribution):
        same = [choice for choice in distribution.choices if _is_same(choice, value)]
        if same:
            return same[0]
    elif isinstance(distribution, IntDistribution | FloatDistribution) and _is_number(value):
        low, high, step = distribution.low, distribution.high, distribution.step
        if low <= value <= high and (step is None or _is_multiple(value - low, step)):
            return type(low)(value)
    raise ConfigurationError(
        f"tune.space must hold the configuration as given, which is the first trial. Got {key}={value!r} "
        f"outside of {_text(distribution)}; widen the space or change the setting."
    )


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def _is_multiple(value: float, step: float) -> bool:
    return abs(value / step - round(value / step)) < 1e-9


def _is_same(one: Value, other: Value) -> bool:
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _text(distribution: BaseDistribution) -> str:
    if isinstance(distribution, CategoricalDistribution):
        return ", ".join(repr(choice) for choice in distribution.choices)
    assert isinstance(distribution, IntDistribution | FloatDistribution)
    step = "" if distribution.step in (None, 1) else f" by steps of {distribution.step}"
    return f"{distribution.low} to {distribution.high}{step}"


def _refused(key: str, rule: str, got: object) -> ConfigurationError:
    return ConfigurationError(f"tune.space.{key} {rule}. Got {got}.")
