"""python -m fer_lightning.release_weights CHECKPOINT: replace shipped weights with those of a checkpoint."""

from pathlib import Path

from fer_lightning.constants import PRETRAINED, SHIPPED_NETWORKS, SHIPPED_WEIGHTS
from fer_lightning.errors import FerError, exit_on_user_error
from fer_lightning.inference import bundle_files
from fer_lightning.utils.command_line import argument_parser, import_task


def main() -> None:
    parser = argument_parser(
        "fer-release-weights",
        "Replace the weights of ckpt=pretrained or ckpt=pretrained-phone with those of a checkpoint.",
        [
            "fer-release-weights outputs/train/RUN/checkpoints/best.ckpt",
            "fer-release-weights best.ckpt --name pretrained-phone",
            "fer-evaluate ckpt=pretrained data.dir=data",
        ],
    )
    parser.add_argument("checkpoint", type=Path, help="a checkpoint from the checkpoints/ folder of a training run")
    parser.add_argument("--name", default=PRETRAINED, help="the shipped weights to replace (default: %(default)s)")
    arguments = parser.parse_args()
    with exit_on_user_error():
        if arguments.name not in SHIPPED_WEIGHTS:
            raise FerError(f"--name must be one of {', '.join(SHIPPED_WEIGHTS)}, got {arguments.name!r}")
        checkpoint = import_task("fer_lightning.models.checkpoint", "release-weights", "train")  # imports torch
        target = checkpoint.path_of(arguments.name)
        kind = checkpoint.kind_of(arguments.checkpoint)
        if kind != SHIPPED_NETWORKS[arguments.name]:
            raise FerError(
                f"{arguments.checkpoint} has the network {kind}, but {arguments.name} has the network "
                f"{SHIPPED_NETWORKS[arguments.name]}; set --name"
            )
        checkpoint.write_safetensors(arguments.checkpoint, target)
        print(f"{target}: {target.stat().st_size / 1e6:.1f} MB")
        bundle = bundle_files.shipped_bundle(arguments.name)
        print(f"now export its bundle: fer-export ckpt={arguments.name} out={bundle} data.dir=DIR")


if __name__ == "__main__":
    main()
