"""glowrank explore: show what is in the data, and where to cut it, before anything is trained."""

import hydra
from omegaconf import DictConfig

from pipeline.exploration.application import run_explore
from scripts.outcome import told_in_a_sentence


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="explore")
def main(config: DictConfig) -> None:
    """Explore the data."""
    with told_in_a_sentence():
        run_explore(config)


if __name__ == "__main__":
    main()
