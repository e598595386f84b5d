"""What a figure was measured on."""

import platform

import torch


def describe() -> str:
    """One line: processor, its threads, and the versions that matter."""
    processor = torch.cpu.get_capabilities().get("cpu_name") or platform.machine()
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{processor}, no GPU"
    return f"{device}, {torch.get_num_threads()} threads, torch {torch.__version__}, Python {platform.python_version()}"
