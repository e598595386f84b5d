"""python -m fer_lightning.soup ckpt=[A,B] out=C.ckpt data.dir=DIR: average the weights of several networks."""

from fer_lightning.utils.command_line import hydra_command

main = hydra_command("soup", "fer_lightning.commands.soup", extra="train", needs=("torch", "lightning"))

if __name__ == "__main__":
    main()
