"""glowrank VERB overrides...: every command."""

import importlib
import logging
import os
import sys
from typing import Final

from scripts.outcome import CONFIGURATION, stop, told_in_a_sentence
from scripts.words import as_overrides

VERBS: Final = {
    "experiment": "train, measure and explain a two-stage recommender",
    "prepare": "bring raw files into the canonical tables, every row accounted for",
    "explore": "show what is in the data, and where to cut it, before anything is trained",
    "recommend": "write the N best items of every user, with the model of a run",
    "publish": "put lists where the shop reads them, all or nothing",
    "tune": "search for good hyper-parameters on validation",
    "benchmark": "measure what accuracy costs, and name the configuration to run",
    "audit": "try to find out whether a run's figures can be believed",
    "compare": "tell whether runs differ, and how small a difference could be told",
    "gate": "decide whether a run may be promoted: exit 0 or 1, and why",
}
TAKES: Final = {
    "recommend": "RUN out=DIR",
    "publish": "LISTS target=NAME",
    "audit": "RUN",
    "compare": "RUN RUN...",
    "gate": "RUN [--against RUN]",
}


def main() -> None:
    """Dispatch `glowrank VERB overrides...`."""
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help", "help"):
        print(usage())  # noqa: T201
        sys.exit(0 if len(sys.argv) > 1 else CONFIGURATION)
    verb = sys.argv.pop(1)
    if verb not in VERBS:
        stop(f"The verb must be one of {', '.join(VERBS)}. Got {verb!r}; see glowrank --help.", CONFIGURATION)
    sys.argv[0] = f"glowrank {verb}"
    # Hydra would print its own excerpt of a traceback; with this it raises, and one sentence is shown.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    # Threads that wait by spinning make training ten times slower on a machine that does other work too;
    # on an idle one it is the same. It must be said before the libraries are loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    logging.getLogger("faiss").setLevel(logging.WARNING)
    with told_in_a_sentence():
        sys.argv[1:] = as_overrides(verb, sys.argv[1:])
        importlib.import_module(f"scripts.{verb}").main()


def usage() -> str:
    """What --help shows."""
    forms = {verb: f"{verb} {TAKES.get(verb, '')}".strip() for verb in VERBS}
    width = max(map(len, forms.values()))
    verbs = "\n".join(f"  glowrank {forms[verb]:<{width}}  {line}" for verb, line in VERBS.items())
    return (
        f"Two-stage recommendations for beauty retail.\n\n{verbs}\n\n"
        "RUN is the folder of a run; run=RUN and runs=[RUN,RUN] say the same.\n"
        "LISTS is a folder that recommend has filled; lists=LISTS says the same.\n"
        "Settings are overridden by key=value, removed by ~key, and swept by -m key=a,b,c;\n"
        "glowrank VERB --help lists the choices, glowrank VERB --cfg job shows the settings."
    )


if __name__ == "__main__":
    main()
