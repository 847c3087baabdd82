"""From the axes of a grid to its points: labels for the eye, overrides for Hydra."""

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from hydra.core.override_parser.types import Quote, QuotedString

from dataset.errors import ConfigurationError
from pipeline.benchmarking.specification import Benchmark

Value = None | bool | int | float | str
_READ_OTHERWISE: Final = ("null", "true", "false", "inf", "nan")


@dataclass(frozen=True)
class Half:
    """One choice on each axis of a half of the grid.

    Parameters
    ----------
    label : mapping of str to value
        What was chosen, by axis.
    overrides : tuple of str
    """

    label: Mapping[str, Value] = field(default_factory=dict)
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class Point:
    """A configuration of the grid.

    Parameters
    ----------
    name : str
        Good as the name of a file.
    build, query : Half
    """

    name: str
    build: Half
    query: Half

    @property
    def overrides(self) -> tuple[str, ...]:
        """Those of both halves."""
        return self.build.overrides + self.query.overrides


def points_of(benchmark: Benchmark) -> list[Point]:
    """The product of all axes, those of one build together, then the cells that are named.

    Raises
    ------
    ConfigurationError
        If an axis or a cell cannot be read, or two cells would have one name.
    """
    builds, queries = _halves("build", benchmark.build), _halves("query", benchmark.query)
    axes = {**benchmark.build, **benchmark.query}
    told = [name for name, axis in axes.items() if len(axis) > 1]
    product = [
        Point(_named(build, query, told), build, query) for build, query in itertools.product(builds, queries)
    ]
    is_grid = benchmark.build or benchmark.query or not benchmark.cells
    points = [*(product if is_grid else []), *_explicit(benchmark.cells)]
    first = {point.build.overrides: at for at, point in reversed(list(enumerate(points)))}
    points.sort(key=lambda point: first[point.build.overrides])
    seen: set[str] = set()
    for point in points:
        if point.name in seen:
            raise ConfigurationError(
                f"The cells of a benchmark must have different names. Got {point.name} twice; name the "
                "points of an axis."
            )
        seen.add(point.name)
    return points


def file_name(text: str) -> str:
    """A text as a file name, readable."""
    return re.sub(r"[^\w=.,+-]+", "_", text).strip("._")[:150]


def _halves(half: str, axes: Mapping[str, Any]) -> list[Half]:
    """Every combination of the choices on the axes, the last axis changing fastest."""
    choices = [list(_choices(f"benchmark.{half}.{name}", name, axis)) for name, axis in axes.items()]
    found = []
    for combined in itertools.product(*choices):
        label = {name: value for name, (value, _) in zip(axes, combined, strict=True)}
        found.append(Half(label, tuple(itertools.chain.from_iterable(words for _, words in combined))))
    return found


def _choices(key: str, name: str, axis: Any) -> Iterator[tuple[Value, tuple[str, ...]]]:
    """The label and overrides of each choice on an axis."""
    if isinstance(axis, Mapping) and axis:
        for point, overrides in axis.items():
            yield point, _words(f"{key}.{point}", overrides)
    elif _is_list(axis) and axis:
        for value in axis:
            label = value if isinstance(value, Value) else _written(key, value)
            yield label, (f"{name}={_written(key, value)}",)
    else:
        raise ConfigurationError(
            f"{key} must be a list of values, or a mapping from names to lists of overrides. Got {axis!r}."
        )


def _explicit(cells: Mapping[str, Any]) -> Iterator[Point]:
    for name, halves in cells.items():
        key = f"benchmark.cells.{name}"
        if not isinstance(halves, Mapping) or not set(halves) <= {"build", "query"}:
            raise ConfigurationError(f"{key} must be of build and query. Got {halves!r}.")
        words = {half: _words(f"{key}.{half}", halves.get(half) or []) for half in ("build", "query")}
        yield Point(file_name(name), *(Half(_spelt(found), found) for found in words.values()))


def _words(key: str, overrides: Any) -> tuple[str, ...]:
    if not _is_list(overrides) or not all(isinstance(word, str) for word in overrides):
        raise ConfigurationError(f"{key} must be a list of overrides. Got {overrides!r}.")
    return tuple(overrides)


def _spelt(overrides: Sequence[str]) -> dict[str, Value]:
    """The label of overrides: their keys and what they are set to."""
    return {word.partition("=")[0]: word.partition("=")[2] or None for word in overrides}


def _written(key: str, value: Any) -> str:
    """A value as Hydra reads it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        is_plain = re.fullmatch(r"[A-Za-z_][A-Za-z0-9_./-]*", value) and value.lower() not in _READ_OTHERWISE
        return value if is_plain else QuotedString(value, Quote.single).with_quotes()
    if _is_list(value):
        return f"[{','.join(_written(key, part) for part in value)}]"
    raise ConfigurationError(f"{key} must hold plain values and lists of them. Got {value!r}.")


def _named(build: Half, query: Half, told: Sequence[str]) -> str:
    """Axes with a choice, by the end of their keys where that tells them apart."""
    labels = {key: value for key, value in {**build.label, **query.label}.items() if key in told}
    ends = [key.rpartition(".")[2] for key in labels]
    parts = [
        f"{end if ends.count(end) == 1 else key}={value}"
        for end, (key, value) in zip(ends, labels.items(), strict=True)
    ]
    return file_name(",".join(parts)) or "as_configured"


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
