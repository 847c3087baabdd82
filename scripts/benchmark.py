"""glowrank benchmark: measure what accuracy costs, configuration by configuration."""

import hydra
from omegaconf import DictConfig

from pipeline.benchmarking.application import run_benchmark
from scripts.outcome import told_in_a_sentence


@hydra.main(version_base="1.3", config_path="pkg://conf", config_name="benchmark")
def main(config: DictConfig) -> None:
    """Run a grid."""
    with told_in_a_sentence():
        run_benchmark(config)


if __name__ == "__main__":
    main()
