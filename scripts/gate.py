"""glowrank gate: decide whether a run may be promoted, and say why."""

import sys

import hydra
from omegaconf import DictConfig

from pipeline.verdicts.gate import run_gate
from scripts.outcome import told_in_a_sentence

REFUSED = 1


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="gate")
def main(config: DictConfig) -> None:
    """Decide; a refusal is a result, not a mistake, and has an exit code of its own."""
    with told_in_a_sentence():
        decision = run_gate(config)
    if not decision.promoted:
        sys.exit(REFUSED)


if __name__ == "__main__":
    main()
