"""Seconds of stages: those of a cached value are those of its making, wherever it is asked for."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.benchmarking import spent
from pipeline.benchmarking.spent import MeasuringCache
from pipeline.cache import Cache, Maybe


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still unless a stage says how long it takes."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(spent.time, "perf_counter", lambda: clock.now)
    return clock


def test_what_is_read_costs_what_it_took_to_make(tmp_path: Path, clock: SimpleNamespace) -> None:
    def inner() -> object:
        clock.now += 5
        return Maybe(1)

    def outer(cache: MeasuringCache) -> object:
        clock.now += 2
        return cache.remember("inner", "a" * 40, inner)

    first = MeasuringCache(tmp_path)
    first.remember("outer", "b" * 40, lambda: outer(first))
    assert first.spent == {"outer": 7.0}
    again = MeasuringCache(tmp_path)
    again.remember("outer", "b" * 40, lambda: outer(again))
    again.remember("inner", "a" * 40, inner)
    assert again.spent == {"outer": 7.0, "inner": 5.0}
    assert clock.now == 7.0
    # Another stage that needs the inner one costs as much as if it had been the first.
    other = MeasuringCache(tmp_path)
    other.remember("outer", "c" * 40, lambda: outer(other))
    assert other.spent == {"outer": 7.0}
    assert clock.now == 9.0


def test_a_value_of_another_command_is_made_once_more_to_be_timed(
    tmp_path: Path, clock: SimpleNamespace
) -> None:
    calls = []

    def compute() -> object:
        calls.append(1)
        clock.now += 3
        return Maybe(4)

    Cache(tmp_path).remember("kind", "d" * 40, compute)
    for _ in range(2):
        cache = MeasuringCache(tmp_path)
        cache.remember("kind", "d" * 40, compute)
        assert cache.spent == {"kind": 3.0}
    assert len(calls) == 2


def test_without_a_folder_everything_is_timed(clock: SimpleNamespace) -> None:
    def compute() -> int:
        clock.now += 1
        return 4

    cache = MeasuringCache(None)
    assert [cache.remember("kind", "e" * 40, compute) for _ in range(2)] == [4, 4]
    assert cache.spent == {"kind": 2.0}
