"""python -m fer_lightning.evaluate ckpt=PATH: score a checkpoint on one split."""

from fer_lightning.utils.command_line import hydra_command

main = hydra_command("evaluate", "fer_lightning.commands.evaluate", extra="train", needs=("torch", "lightning"))

if __name__ == "__main__":
    main()
