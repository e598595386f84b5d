"""python -m fer_lightning.explain ckpt=PATH: draw Grad-CAM heat maps on faces of each class."""

from fer_lightning.utils.command_line import hydra_command

main = hydra_command("explain", "fer_lightning.commands.explain", extra="explain", needs=("torch", "captum"))

if __name__ == "__main__":
    main()
