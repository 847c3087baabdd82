"""glowrank recommend: write the N best items of every user, with the model of a run."""

import hydra
from omegaconf import DictConfig

from pipeline.recommendation_application import run_recommend
from scripts.outcome import told_in_a_sentence


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="recommend")
def main(config: DictConfig) -> None:
    """Write the lists."""
    with told_in_a_sentence():
        run_recommend(config)


if __name__ == "__main__":
    main()
