"""The short form of the commands that read runs: whatever a path holds arrives as it is."""

import re

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from dataset.errors import ConfigurationError
from scripts.main import TAKES, VERBS, usage
from scripts.words import as_overrides, quoted

HOSTILE = "ab/.\\'\"=,:;()[]{}$?*&%#@!~+- \t\u00e9\u2603"
PATHS = st.text(
    st.one_of(st.sampled_from(HOSTILE), st.characters(exclude_categories=("Cs", "Cc"))), min_size=1
)
PARSER = OverridesParser.create()


def read(words):
    """What the configuration holds after Hydra has read the overrides."""
    config = OmegaConf.create({})
    for override in PARSER.parse_overrides(words):
        OmegaConf.update(config, override.key_or_group, override.value())
    return OmegaConf.to_container(config, resolve=True)


@settings(max_examples=40)
@given(PATHS, PATHS)
@example("a\\'b", "${x}")
@example("\\${x}\\", "\\\\${oc.env:HOME}'")
@example("007", "null")
@example(" a ", "[a,b]")
def test_a_path_arrives_as_it_is(run, other):
    assert read([f"run={quoted(run)}"]) == {"run": run}
    expected = {"run": f"./{run}", "against": other}
    for against in (["--against", other], [f"--against={other}"]):
        assert read(as_overrides("gate", [f"./{run}", *against])) == expected
        assert read(as_overrides("gate", [*against, f"./{run}"])) == expected
    assert read(as_overrides("compare", [f"/{run}", f"/{other}"])) == {"runs": [f"/{run}", f"/{other}"]}
    assert read(as_overrides("audit", [f"/{run}"])) == {"run": f"/{run}"}


@pytest.mark.parametrize("verb", ["audit", "gate", "recommend", "compare"])
def test_the_long_form_and_what_follows_the_paths_stay(verb):
    for words in (["run=a", "n=5"], ["runs=[a,b]"], ["--cfg", "job"], [], ["-m", "seed=1,2"], ["~x", "y"]):
        assert as_overrides(verb, words) == words
    assert as_overrides(verb, ["a", "out=b", "--cfg", "job"])[1:] == ["out=b", "--cfg", "job"]
    assert as_overrides(verb, ["a", "hydra/job_logging=none"])[1:] == ["hydra/job_logging=none"]


def test_a_path_with_an_equals_sign_behind_a_slash_is_a_path():
    assert read(as_overrides("gate", ["var/lr=0.1"])) == {"run": "var/lr=0.1"}
    assert as_overrides("gate", ["lr=0.1"]) == ["lr=0.1"]


@pytest.mark.parametrize("verb", ["experiment", "prepare", "tune"])
def test_verbs_that_read_no_run_are_left_alone(verb):
    words = ["experiment=tiny", "a", "--against", "b"]
    assert as_overrides(verb, words) == words


def test_mistakes_are_told():
    with pytest.raises(ConfigurationError, match=r"must be given one run\. Got 2: a, b"):
        as_overrides("gate", ["a", "b"])
    for words in (["a", "--against"], ["a", "--against="]):
        with pytest.raises(ConfigurationError, match="--against must be followed by"):
            as_overrides("gate", words)


def test_the_help_shows_every_verb_and_what_it_takes():
    lines = usage().splitlines()
    for verb, line in VERBS.items():
        (own,) = [shown for shown in lines if re.match(rf"  glowrank {verb}\b", shown)]
        assert own.endswith(line)
        assert TAKES.get(verb, "") in own
