"""glowrank publish: put lists where the shop reads them, all or nothing."""

import hydra
from omegaconf import DictConfig

from pipeline.publishing.application import run_publish
from scripts.outcome import told_in_a_sentence


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="publish")
def main(config: DictConfig) -> None:
    """Publish, or take back."""
    with told_in_a_sentence():
        run_publish(config)


if __name__ == "__main__":
    main()
