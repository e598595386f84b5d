"""python -m fer_lightning.download data.dir=DIR: download FER2013 from Kaggle and check the files."""

from fer_lightning.utils.command_line import hydra_command

main = hydra_command("download", "fer_lightning.commands.download", extra="train", needs=("kaggle",))

if __name__ == "__main__":
    main()
