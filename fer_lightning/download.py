"""python -m fer_lightning.download data.dir=DIR: fetch Kaggle's FER2013 and check what arrived."""

from fer_lightning.utils.command_line import hydra_command

main = hydra_command("download", "fer_lightning.commands.download", extra="train", needs=("kaggle",))

if __name__ == "__main__":
    main()
