"""The command ``python -m export``, or ``fer-export``."""

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from fer_lightning.config_rules.check import check
from fer_lightning.config_rules.command_line import refusing_former_keys
from fer_lightning.errors import exit_on_user_error
from fer_lightning.utils.quiet import quiet_libraries


@refusing_former_keys
@hydra.main(version_base="1.3", config_path="pkg://fer_lightning.conf", config_name="export")
def main(cfg: DictConfig) -> None:
    quiet_libraries()
    with exit_on_user_error():
        check("export", cfg)
        from .pipeline import export  # the converters take seconds to import

        export(cfg, list(HydraConfig.get().overrides.task))
