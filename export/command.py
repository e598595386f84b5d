"""The command ``python -m export``, or ``fer-export``."""

from fer_lightning.utils.command_line import hydra_command

main = hydra_command("export", "fer_lightning.export.task", extra="export", needs=("torch", "onnx"))
