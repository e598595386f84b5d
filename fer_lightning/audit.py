"""python -m fer_lightning.audit data.dir=DIR: report problems in the data and the rows to exclude from training."""

from fer_lightning.utils.command_line import hydra_command

main = hydra_command("audit", "fer_lightning.commands.audit", extra="train", needs=("networkx",))

if __name__ == "__main__":
    main()
