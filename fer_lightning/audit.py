"""python -m fer_lightning.audit data.dir=DIR: what is wrong with the data, and which rows to leave out."""

from fer_lightning.utils.command_line import hydra_command

main = hydra_command("audit", "fer_lightning.commands.audit", extra="train", needs=("networkx",))

if __name__ == "__main__":
    main()
