"""Facial-expression recognition on FER2013: train, evaluate, export to a phone."""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fer_lightning.inference.reader import ExpressionReader

# OpenMP reads it when torch is loaded. By default threads spin at barriers, and on a busy machine they take the cores
# that the threads they wait for need: a training step then cost 1.5 times the CPU time.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

__version__ = "0.2.0"

__all__ = ["ExpressionReader", "__version__"]


def __getattr__(name: str) -> Any:
    # loaded when it is asked for: every command imports this package, and few read pictures
    if name == "ExpressionReader":
        from fer_lightning.inference.reader import ExpressionReader

        return ExpressionReader
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
