"""Describe the machine and the software versions, for reports."""

import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

import torch


def processor() -> str:
    """The name of the processor, or its architecture if the name is unknown."""
    return torch.cpu.get_capabilities().get("cpu_name") or platform.machine()


def describe(*packages: str) -> str:
    """One line: processor, cores, GPU, Python, and the versions of those of ``packages`` that are installed."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    versions = []
    for package in packages:
        with suppress(PackageNotFoundError):  # such as onnxruntime where onnxruntime-gpu is installed
            versions.append(f"{package} {version(package)}")
    return ", ".join([f"{processor()}, {os.cpu_count()} cores", gpu, f"Python {platform.python_version()}", *versions])
