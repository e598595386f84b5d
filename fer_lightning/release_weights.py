"""python -m fer_lightning.release_weights CHECKPOINT: make a checkpoint the weights that ckpt=pretrained names."""

import argparse
from pathlib import Path

from fer_lightning.errors import exit_on_user_error
from fer_lightning.models import checkpoint


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fer_lightning.release_weights", description=__doc__)
    parser.add_argument("checkpoint", type=Path, help="as a training run writes it to checkpoints/")
    parser.add_argument(
        "--name",
        choices=checkpoint.SHIPPED_WEIGHTS,
        default=checkpoint.PRETRAINED,
        help="which of the shipped weights it becomes (default %(default)s)",
    )
    arguments = parser.parse_args()
    with exit_on_user_error():
        target = checkpoint.SHIPPED_WEIGHTS[arguments.name]
        checkpoint.write_safetensors(arguments.checkpoint, target)
        print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
