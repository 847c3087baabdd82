"""glowrank experiment: train, measure and explain a two-stage recommender."""

import hydra
from omegaconf import DictConfig

from pipeline.applications import run_experiment
from scripts.outcome import told_in_a_sentence


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="experiment")
def main(config: DictConfig) -> None:
    """Run the main job."""
    with told_in_a_sentence():
        run_experiment(config)


if __name__ == "__main__":
    main()
