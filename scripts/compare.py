"""glowrank compare: tell whether runs differ, and how small a difference could be told."""

import hydra
from omegaconf import DictConfig

from pipeline.verdicts.compare import run_compare
from scripts.outcome import told_in_a_sentence


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="compare")
def main(config: DictConfig) -> None:
    """Compare the runs."""
    with told_in_a_sentence():
        run_compare(config)


if __name__ == "__main__":
    main()
