"""Checks of hyper-parameters: type before range, one sentence on failure.

OmegaConf hands "ten" to an int field without a word, so every specification checks its own fields.
"""

from collections.abc import Collection, Mapping, Sequence
from numbers import Integral, Real

from dataset.errors import ParameterError


def check_int(owner: object, name: str, *, low: int | None = None, high: int | None = None) -> None:
    """Raise `ParameterError` unless field `name` of `owner` is an int within [low, high]."""
    value = getattr(owner, name)
    expected = f"an int{_between(low, high)}"
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise ParameterError(type(owner).__name__, name, expected, value)
    _check_range(owner, name, float(value), low, high, expected)


def check_number(owner: object, name: str, *, low: float | None = None, high: float | None = None) -> None:
    """Raise `ParameterError` unless field `name` of `owner` is a finite number within [low, high]."""
    value = getattr(owner, name)
    expected = f"a number{_between(low, high)}"
    if not isinstance(value, Real) or isinstance(value, bool) or not abs(float(value)) < float("inf"):
        raise ParameterError(type(owner).__name__, name, expected, value)
    _check_range(owner, name, float(value), low, high, expected)


def check_bool(owner: object, name: str) -> None:
    """Raise `ParameterError` unless field `name` of `owner` is true or false."""
    value = getattr(owner, name)
    if not isinstance(value, bool):
        raise ParameterError(type(owner).__name__, name, "true or false", value)


def check_choice(owner: object, name: str, choices: Collection[str]) -> None:
    """Raise `ParameterError` unless field `name` of `owner` is one of `choices`."""
    value = getattr(owner, name)
    if not isinstance(value, str) or value not in choices:
        raise ParameterError(type(owner).__name__, name, "one of " + ", ".join(sorted(choices)), value)


def check_mapping(owner: object, name: str) -> None:
    """Raise `ParameterError` unless field `name` of `owner` is a mapping from names to values."""
    value = getattr(owner, name)
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ParameterError(type(owner).__name__, name, "a mapping from names to values", value)


def check_weights(owner: object, name: str, *, choices: Collection[str] | None = None) -> None:
    """Raise `ParameterError` unless field `name` of `owner` is a mapping from names, out of `choices` if
    given, to finite numbers of at least 0."""
    value = getattr(owner, name)
    names = "names" if choices is None else "names out of " + ", ".join(choices)
    expected = f"a mapping from {names} to numbers of at least 0"
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ParameterError(type(owner).__name__, name, expected, value)
    numbers = [n for n in value.values() if isinstance(n, Real) and not isinstance(n, bool)]
    in_range = len(numbers) == len(value) and all(0 <= float(n) < float("inf") for n in numbers)
    if not in_range or not set(value) <= set(value if choices is None else choices):
        raise ParameterError(type(owner).__name__, name, expected, value)


def check_names(
    owner: object, name: str, *, choices: Collection[str] | None = None, may_be_empty: bool = True
) -> None:
    """Raise `ParameterError` unless field `name` of `owner` is a list of distinct names out of `choices`."""
    value = getattr(owner, name)
    expected = f"a{'' if may_be_empty else ' non-empty'} list of distinct names"
    if choices is not None:
        expected += " out of " + ", ".join(choices)
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    if not listed or not all(isinstance(entry, str) for entry in value):
        raise ParameterError(type(owner).__name__, name, expected, value)
    if len(set(value)) < len(value) or not (may_be_empty or value) or not set(value) <= set(choices or value):
        raise ParameterError(type(owner).__name__, name, expected, value)


def check_ascending(owner: object, name: str, values: object, *, low: float, whole: bool = False) -> None:
    """Raise `ParameterError` unless `values`, of field `name`, is a non-empty strictly ascending list.

    Parameters
    ----------
    low : float
        Least value allowed.
    whole : bool
        Whether the values must be ints.
    """
    expected = f"a non-empty, strictly ascending list of {'ints' if whole else 'numbers'} of at least {low}"
    kind = Integral if whole else Real
    listed = isinstance(values, Sequence) and not isinstance(values, str) and len(values) > 0
    if not listed or not all(isinstance(v, kind) and not isinstance(v, bool) for v in values):  # type: ignore[attr-defined]
        raise ParameterError(type(owner).__name__, name, expected, values)
    numbers = [float(v) for v in values]  # type: ignore[attr-defined]
    if not all(low <= v < float("inf") for v in numbers) or sorted(set(numbers)) != numbers:
        raise ParameterError(type(owner).__name__, name, expected, values)


def _check_range(
    owner: object, name: str, value: float, low: float | None, high: float | None, expected: str
) -> None:
    if (low is not None and value < low) or (high is not None and value > high):
        raise ParameterError(type(owner).__name__, name, expected, getattr(owner, name))


def _between(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f" between {low} and {high}"
    if low is not None:
        return f" of at least {low}"
    return f" of at most {high}" if high is not None else ""
