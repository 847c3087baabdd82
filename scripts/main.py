"""glowrank VERB overrides...: every command."""

import importlib
import logging
import os
import sys
from typing import Final

from scripts.outcome import CONFIGURATION, stop, told_in_a_sentence

VERBS: Final = {
    "experiment": "train, measure and explain a two-stage recommender",
    "prepare": "bring raw files into the canonical tables, every row accounted for",
    "recommend": "write the N best items of every user, with the model of a run",
    "tune": "search for good hyper-parameters on validation",
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
        importlib.import_module(f"scripts.{verb}").main()


def usage() -> str:
    """What --help shows."""
    verbs = "\n".join(f"  glowrank {verb:<11} {line}" for verb, line in VERBS.items())
    return (
        f"Two-stage recommendations for beauty retail.\n\n{verbs}\n\n"
        "Settings are overridden by key=value, removed by ~key, and swept by -m key=a,b,c;\n"
        "glowrank VERB --help lists the choices, glowrank VERB --cfg job shows the settings."
    )


if __name__ == "__main__":
    main()
