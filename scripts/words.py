"""The short form of a command that reads folders, in the words of Hydra.

`glowrank gate NEW --against OLD` becomes `run='NEW' against='OLD'`, quoted, so that Hydra takes any path as
it is. The long form stays possible, and what comes after the paths is left alone.
"""

import re
from collections.abc import Sequence
from typing import Final

from hydra.core.override_parser.types import Quote, QuotedString

from dataset.errors import ConfigurationError

ONE_FOLDER: Final = {"audit": "run", "gate": "run", "recommend": "run", "publish": "lists"}
SEVERAL_RUNS: Final = ("compare",)
NOUNS: Final = {"run": "one run", "lists": "one folder of lists"}
AGAINST: Final = "--against"


def as_overrides(verb: str, words: Sequence[str]) -> list[str]:
    """What Hydra is given for `glowrank VERB WORDS`.

    Parameters
    ----------
    verb : str
        Words of verbs that read no folder are left as they are.
    words : sequence of str
        A path that begins with one of - ~ + is written ./PATH, and so is one that holds a "=" and no
        slash before it.

    Raises
    ------
    ConfigurationError
        If there are more folders than the verb takes, or `--against` stands without one.
    """
    if verb not in (*ONE_FOLDER, *SEVERAL_RUNS):
        return list(words)
    others, rest = _others(words) if verb == "gate" else ([], list(words))
    n = next((at for at, word in enumerate(rest) if not _is_path(word)), len(rest))
    folders, rest = rest[:n], rest[n:]
    key = ONE_FOLDER.get(verb)
    if key and n > 1:
        raise ConfigurationError(
            f"glowrank {verb} must be given {NOUNS[key]}. Got {n}: {', '.join(folders)}."
        )
    if folders and key:
        others.insert(0, f"{key}={quoted(folders[0])}")
    elif folders:
        others.insert(0, f"runs=[{','.join(map(quoted, folders))}]")
    return [*others, *rest]


def quoted(text: str) -> str:
    """A text as a value that Hydra reads back as it is, and in which OmegaConf resolves nothing."""
    escaped = re.sub(r"(\\*)\$\{", r"\1\1\\${", text)
    return str(QuotedString(escaped, Quote.single).with_quotes())


def _others(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The overrides that `--against` stands for, and the words without it."""
    found: list[str] = []
    rest: list[str] = []
    left = iter(words)
    for word in left:
        name, given, path = word.partition("=")
        if name != AGAINST:
            rest.append(word)
            continue
        path = path if given else next(left, "")
        if not path:
            raise ConfigurationError(f"{AGAINST} must be followed by the folder of a run. Got nothing.")
        found.append(f"against={quoted(path)}")
    return found, rest


def _is_path(word: str) -> bool:
    """Whether a word is no override and no flag; only Hydra's own groups have a slash in their key."""
    key, has_value, _ = word.partition("=")
    if word.startswith(("-", "~", "+")):
        return False
    return not has_value or ("/" in key and not key.startswith("hydra/"))
