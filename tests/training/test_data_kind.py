from fer_lightning.training.evaluator import adopt_split

FOLDER = {"_target_": "fer_lightning.data.factories.image_folder", "val_fraction": 0.3, "split_seed": 4}


def test_a_network_trained_on_folders_is_evaluated_on_folders(compose):
    cfg = compose("export", "ckpt=x", "data.dir=faces")
    adopt_split(cfg, {"data": FOLDER}, ["ckpt=x", "data.dir=faces"])
    assert cfg.data._target_ == FOLDER["_target_"]
    assert (cfg.data.dir, cfg.data.val_fraction, cfg.data.split_seed) == ("faces", 0.3, 4)
    assert "split" not in cfg.data


def test_former_names_are_known(compose):
    cfg = compose("evaluate", "ckpt=x", "data.dir=faces")
    adopt_split(cfg, {"data": {"_target_": "fer_lightning.data.datamodule.FolderDataModule"}}, ["data.dir=faces"])
    assert cfg.data._target_ == FOLDER["_target_"]


def test_the_command_line_goes_first(compose):
    cfg = compose("evaluate", "ckpt=x", "data=fer2013", "data.dir=d")
    adopt_split(cfg, {"data": FOLDER}, ["data=fer2013", "data.dir=d"])
    assert cfg.data._target_.endswith("factories.fer2013")


def test_drawn_faces_are_not_taken_for_data(compose):
    cfg = compose("evaluate", "ckpt=x", "data.dir=d")
    sample = {"_target_": "fer_lightning.data.datamodule.SampleDataModule", "train": 70}
    adopt_split(cfg, {"data": sample}, ["data.dir=d"])
    assert cfg.data._target_.endswith("factories.fer2013")


def test_the_rows_of_ferplus_are_those_of_the_training(compose):
    cfg = compose("evaluate", "ckpt=x", "data.dir=d")
    soft = {"_target_": "fer_lightning.data.factories.ferplus", "target": "soft"}
    adopt_split(cfg, {"data": soft}, ["data.dir=d"])
    assert cfg.data.target == "soft"
