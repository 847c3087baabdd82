"""glowrank prepare: bring raw files into the canonical tables, every row accounted for."""

import hydra
from omegaconf import DictConfig

from pipeline.applications import run_prepare
from scripts.outcome import told_in_a_sentence


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="prepare")
def main(config: DictConfig) -> None:
    """Prepare the tables."""
    with told_in_a_sentence():
        run_prepare(config)


if __name__ == "__main__":
    main()
