"""No text costs more than its length: work is counted in calls and in letters given to patterns."""

import re
import re._constants as constants
import re._parser as parser
import sys
from types import ModuleType

import pytest

from dataset.ingredients import families, normalise

MODULES: list[ModuleType] = [
    sys.modules[f"dataset.ingredients.{name}"]
    for name in ("labels", "names", "spelling", "synonyms", "families")
]
HOSTILE = (
    "(", ")", "()", "a(", "(a", "(a)", "((a),", "[({", "%", "9", "9%", "9 % ", "1,", "1,1-", "1, 2-", " ",
    "  a",
    "*", "* a", ":", "a:", "\n", "a\n", "a:\n", " / ", "a/", "water/", "may contain", "+/-", "&lt;", "<",
    "<a>",
    "1.1.", "a. ", "- ", "sd alcohol ", "ﷺ", "é", "\u0301", "poly(", "red ", "c", "ci ", "water ", "and ",
    "organic ",
    "paraben", "laureth", "sodium lauryl ", "vitamin ", "¦", "a¦", "x(vitamin c", "alcohol denat. ",
)  # fmt: skip


class Counted:
    """A pattern that counts the letters that it is given."""

    letters = 0

    def __init__(self, pattern):
        self._pattern = pattern

    def __getattr__(self, name):
        method = getattr(self._pattern, name)

        def counting(*arguments):
            Counted.letters += max(len(each) for each in arguments if isinstance(each, str))
            return method(*arguments)

        return counting


def work(text: str) -> int:
    """Calls, and letters that patterns look at, while `text` is read for the first time."""
    for module in MODULES:
        for function in vars(module).values():
            if hasattr(function, "cache_clear") and function.__name__ in (
                "_cached",
                "_settled",
                "_one",
                "is_known",
            ):
                function.cache_clear()
    Counted.letters = calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        normalise(text)
    finally:
        sys.setprofile(None)
    return calls + Counted.letters


@pytest.fixture
def _counted(monkeypatch):
    normalise("Water (Aqua), parabens 5%")  # tables are read once
    for module in MODULES:
        for name, value in list(vars(module).items()):
            if isinstance(value, re.Pattern):
                monkeypatch.setattr(module, name, Counted(value))


@pytest.mark.usefixtures("_counted")
@pytest.mark.parametrize(
    ("fragment", "length"),
    [
        *((fragment, 2_000) for fragment in HOSTILE),
        *(pytest.param(fragment, 200_000, marks=pytest.mark.slow) for fragment in HOSTILE[::5]),
    ],
)
def test_work_grows_with_the_length_and_no_faster(fragment, length):
    shorter, longer = ((fragment * length)[:letters] for letters in (length // 4, length))
    assert work(longer) <= 1.3 * 4 * work(shorter) + 20_000


def repeats(parsed):
    """The loops without a bound in a parsed pattern, and how much each repeats."""
    for operation, argument in parsed:
        if operation in (constants.MAX_REPEAT, constants.MIN_REPEAT):
            if argument[1] == constants.MAXREPEAT:
                yield len(argument[2])
            yield from repeats(argument[2])
        elif isinstance(argument, tuple):
            for part in argument:
                if isinstance(part, parser.SubPattern):
                    yield from repeats(part)
                elif isinstance(part, list):
                    for each in part:
                        yield from repeats(each) if isinstance(each, parser.SubPattern) else ()


def test_no_pattern_repeats_without_a_bound():
    patterns = {
        f"{module.__name__}.{name}": value
        for module in MODULES
        for name, value in vars(module).items()
        if isinstance(value, re.Pattern) and name != "_SIMPLE"  # one class of letters, and a full match
    }
    patterns |= {name: family.patterns for name, family in families().items() if family.patterns}
    assert len(patterns) > 30
    unbounded = [name for name, each in patterns.items() if list(repeats(parser.parse(each.pattern)))]
    assert unbounded == []
    assert list(repeats(parser.parse(r"(?:a|b(c*))")))
