"""The work of ``fer-export`` after its arguments are checked."""

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from fer_lightning.utils.quiet import quiet_libraries

from .pipeline import export


def run(cfg: DictConfig) -> None:
    quiet_libraries()
    export(cfg, list(HydraConfig.get().overrides.task))
