import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from fer_lightning.data import factories, ferplus
from fer_lightning.data.faces import Faces
from fer_lightning.data.loaders import Batch, FaceDataset
from fer_lightning.errors import FerError
from tests.helpers import csv_text


class Invert(nn.Module):
    """An augmentation whose effect is certain."""

    def size_at(self, epoch, epochs):
        return 48

    def forward(self, batch, classes, size):
        return batch._replace(images=255 - batch.images)


class FakeTrainer:
    world_size, global_rank = 1, 0
    current_epoch, max_epochs = 0, 1

    def __init__(self, training: bool) -> None:
        self.training = training


@pytest.fixture
def folder(tmp_path, faces):
    (tmp_path / "fer2013.csv").write_text(csv_text(faces))
    return tmp_path


@pytest.fixture
def datamodule(folder):
    datamodule = factories.fer2013(dir=str(folder), batch_size=8, eval_batch_size=4, augment=Invert())
    datamodule.prepare_data()
    datamodule.setup()
    return datamodule


def test_batches_are_raw_uint8(datamodule, faces):
    images, labels, _ = next(iter(datamodule.val_dataloader()))
    assert (images.dtype, images.shape, labels.dtype) == (torch.uint8, (4, 1, 48, 48), torch.int64)
    rows = faces.rows_of("PublicTest")[:4]
    np.testing.assert_array_equal(images[:, 0], faces.pixels[rows])
    np.testing.assert_array_equal(labels, faces.labels[rows])


def test_dataset_gives_single_examples_too(faces):
    image, label, _ = FaceDataset(faces, np.array([5, 2]))[1]
    assert image.shape == (1, 48, 48)
    assert label == faces.labels[2]


def test_training_order_is_shuffled_complete_and_seeded(datamodule, faces):
    def order(seed: int) -> list[int]:
        datamodule.shuffle_seed = seed
        return [int(label) for batch in datamodule.train_dataloader() for label in batch.labels]

    assert sorted(order(0)) == sorted(faces.labels[faces.rows_of("Training")])
    assert order(0) == order(0)
    assert order(0) != order(1)


def test_augments_while_training_in_phases_that_ask_for_it(datamodule):
    batch = Batch(torch.zeros(2, 1, 48, 48, dtype=torch.uint8), torch.zeros(2))
    brightness = {}
    for augment in (False, True):
        for training in (False, True):
            datamodule.phase = datamodule.phase_data(augment=augment)
            datamodule.trainer = FakeTrainer(training)
            brightness[augment, training] = int(datamodule.on_after_batch_transfer(batch, 0)[0].max())
    assert brightness == {(False, False): 0, (False, True): 0, (True, False): 0, (True, True): 255}


def test_a_phase_without_an_augmentation_to_apply(folder):
    datamodule = factories.fer2013(dir=str(folder))
    datamodule.setup()
    with pytest.raises(FerError, match="the augment group is empty"):
        datamodule.phase = datamodule.phase_data(augment=True)


def test_setup_is_idempotent(datamodule):
    before = datamodule.faces
    datamodule.phase = datamodule.phase_data(augment=False, rows=np.array([1, 2]))
    datamodule.setup("fit")
    assert datamodule.faces is before
    assert len(datamodule.phase.rows) == 2  # a second fit's setup does not undo the phase


def test_a_holdout_validates_on_part_of_the_rows(datamodule):
    rows = datamodule.rows("train")[:10]
    datamodule.phase = datamodule.phase_data(augment=False, rows=rows, holdout=0.2)
    held_out = datamodule.val_dataloader().dataset.rows
    assert len(held_out) == 2
    assert sorted([*held_out, *datamodule.phase.rows]) == sorted(rows)
    assert len(datamodule.train_dataloader().dataset) == 8
    datamodule.phase = datamodule.phase_data(augment=False)
    assert len(datamodule.val_dataloader().dataset) == 7
    assert len(datamodule.train_dataloader().dataset) == 21


def test_drop_leaks(tmp_path, faces):
    pixels = faces.pixels.copy()
    pixels[0], pixels[1] = pixels[faces.rows_of("PublicTest")[0]], pixels[faces.rows_of("PrivateTest")[0]]
    (tmp_path / "fer2013.csv").write_text(csv_text(Faces(pixels, faces.labels, faces.usage, "")))
    kept = {}
    for drop in (False, True):
        datamodule = factories.fer2013(dir=str(tmp_path), drop_leaks=drop)
        datamodule.setup()
        kept[drop] = list(datamodule.rows("train")), int(datamodule.is_fresh("val").sum())
    assert kept[False] == (list(range(21)), 6)
    assert kept[True] == (list(range(2, 21)), 7)


def test_official_split_of_a_file_without_usage(tmp_path, faces):
    (tmp_path / "train.csv").write_text(csv_text(faces, ("emotion", "pixels")))
    with pytest.raises(FerError, match=r"data\.split=random"):
        factories.fer2013(dir=str(tmp_path)).setup()
    datamodule = factories.fer2013(dir=str(tmp_path), split="random")
    datamodule.setup()
    assert (len(datamodule.rows("train")), len(datamodule.rows("val"))) == (28, 7)
    with pytest.raises(FerError, match=r"has no PrivateTest rows, which are the test split with data\.split=random"):
        datamodule.rows("test")


def test_a_usage_that_does_not_occur_is_missed_only_when_asked_for(tmp_path, faces):
    public = faces.usage < 2
    (tmp_path / "fer2013.csv").write_text(
        csv_text(Faces(faces.pixels[public], faces.labels[public], faces.usage[public], ""))
    )
    datamodule = factories.fer2013(dir=str(tmp_path))
    datamodule.setup()
    assert len(datamodule.rows("val")) == 7
    with pytest.raises(FerError, match="has no PrivateTest rows, so there is no test split"):
        datamodule.rows("test")


def test_sample_has_all_splits_and_says_what_it_is():
    datamodule = factories.synthetic(train=14, val=7, test=7, seed=0)
    datamodule.setup()
    assert [len(datamodule.rows(subset)) for subset in ("train", "val", "test")] == [14, 7, 7]
    assert datamodule.class_counts().tolist() == [2] * 7
    assert "not FER2013" in datamodule.faces.name


def test_votes_go_with_the_labels_in_training_only(folder, faces):
    votes = np.zeros((len(faces), 10), int)
    votes[:, 3] = 10  # all for happiness
    lines = [",".join(map(str, row)) for row in votes]
    (folder / ferplus.VOTES_FILE).write_text("\n".join([",".join(ferplus.COLUMNS), *lines]) + "\n")
    datamodule = factories.fer2013(dir=str(folder), batch_size=8, votes=True)
    datamodule.setup()
    _, labels, shares = next(iter(datamodule.train_dataloader()))
    assert labels.sum(dim=1).tolist() == [1] * 8
    assert (shares.dtype, shares.shape) == (torch.float32, (8, 8))
    assert (shares.argmax(dim=1) == 3).all()
    validation = next(iter(datamodule.val_dataloader()))
    assert (validation.labels.dtype, validation.votes) == (torch.int64, None)


def test_votes_need_their_file(folder):
    with pytest.raises(FerError, match=r"no such file: .*fer2013new\.csv"):
        factories.fer2013(dir=str(folder), votes=True).setup()
    with pytest.raises(FerError, match="set vote_weight=0"):
        factories.synthetic(train=7, val=7, test=7, seed=0, votes=True).setup()


def test_ferplus_has_eight_classes(folder, faces):
    votes = np.zeros((len(faces), 10), int)
    votes[:, 7] = 10
    votes[5] = [4, 0, 0, 0, 3, 0, 3, 0, 0, 0]  # no majority
    votes[6] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 10]  # no face
    lines = [",".join(map(str, row)) for row in votes]
    (folder / ferplus.VOTES_FILE).write_text("\n".join([",".join(ferplus.COLUMNS), *lines]) + "\n")
    hard = factories.ferplus(dir=str(folder))
    hard.setup()
    training = faces.rows_of("Training").tolist()
    assert hard.rows("train").tolist() == [row for row in training if row not in (5, 6)]
    assert hard.class_counts().tolist() == [0] * 7 + [len(training) - 2]
    soft = factories.ferplus(dir=str(folder), target="soft")
    soft.setup()
    assert soft.rows("train").tolist() == [row for row in training if row != 6]
    targets = next(iter(soft.train_dataloader())).labels
    assert targets.shape[1] == 8
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(len(targets)))
    with pytest.raises(FerError, match="vote_weight needs"):
        factories.ferplus(dir=str(folder), votes=True).setup()


def test_an_exclusion_of_all_training_rows_is_told(folder, faces, tmp_path):
    rows = [str(row) for row in faces.rows_of("Training")]
    (tmp_path / "exclude.csv").write_text("\n".join(["row", *rows]) + "\n")
    datamodule = factories.fer2013(dir=str(folder), exclude=str(tmp_path / "exclude.csv"))
    datamodule.setup()
    with pytest.raises(FerError, match=r"data\.exclude leave no training rows"):
        datamodule.rows("train")


def test_repeated_rows_are_left_out_of_training(folder, faces):
    labels, pixels = faces.labels.copy(), faces.pixels.copy()
    pixels[1], labels[1] = pixels[0], labels[0]  # repeats a row
    pixels[3], labels[3] = pixels[2], (labels[2] + 1) % 7  # contradicts one
    (folder / "fer2013.csv").write_text(csv_text(Faces(pixels, labels, faces.usage, "")))
    datamodule = factories.fer2013(dir=str(folder), deduplicate=True)
    datamodule.setup()
    left_out = set(faces.rows_of("Training").tolist()) - set(datamodule.rows("train").tolist())
    assert left_out == {1, 2, 3}


def test_preloaded_batches_are_the_same(folder):
    batches = []
    for preloaded in (False, True):
        datamodule = factories.fer2013(dir=str(folder), batch_size=8, preload_to_device=preloaded)
        datamodule.setup()
        loaded = [datamodule.on_after_batch_transfer(batch, 0) for batch in datamodule.train_dataloader()]
        batches.append([torch.cat([batch[part] for batch in loaded]) for part in (0, 1)])
    assert all(torch.equal(*pair) for pair in zip(*batches, strict=True))
    assert batches[0][0].dtype == batches[1][0].dtype == torch.uint8


def test_own_pictures_in_folders(tmp_path, faces):
    for row in range(10):
        picture = tmp_path / ("happy" if row % 2 else "sad") / f"{row}.png"
        picture.parent.mkdir(exist_ok=True)
        Image.fromarray(faces.pixels[row]).save(picture)
    datamodule = factories.image_folder(dir=str(tmp_path), val_fraction=0.3, batch_size=4)
    datamodule.setup()
    assert (len(datamodule.rows("train")), len(datamodule.rows("val"))) == (7, 3)
    with pytest.raises(FerError, match=r"contains no images for test: put some in .*/test/CLASS"):
        datamodule.rows("test")
    (tmp_path / "train").mkdir()
    for name in ("happy", "sad"):
        (tmp_path / name).rename(tmp_path / "train" / name)
    datamodule = factories.image_folder(dir=str(tmp_path))
    datamodule.setup()
    assert len(datamodule.rows("train")) == 10
    with pytest.raises(FerError, match="no images for val"):
        datamodule.rows("val")


def test_excluded_rows_are_not_trained_on(folder, faces):
    (folder / "exclude.csv").write_text("row,reason\n0,flat\n2,flat\n")
    datamodule = factories.fer2013(dir=str(folder), exclude=str(folder / "exclude.csv"))
    datamodule.setup()
    assert set(faces.rows_of("Training").tolist()) - set(datamodule.rows("train").tolist()) == {0, 2}
    assert len(datamodule.rows("val")) == 7


def test_what_is_skipped_in_folders_is_said(tmp_path, faces, caplog):
    caplog.set_level("INFO", logger="fer_lightning")
    for name in (
        "train/happy/1.png",
        "train/happy/._1.png",
        "train/happy/x.heic",
        "train/happy/more/2.png",
        "val/sad/3.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(faces.pixels[0]).save(tmp_path / name, format="PNG")
    (tmp_path / "angry").mkdir()
    datamodule = factories.image_folder(dir=str(tmp_path))
    datamodule.setup()
    assert (len(datamodule.rows("train")), len(datamodule.rows("val"))) == (1, 1)
    (line,) = [line for line in caplog.messages if line.startswith("skipped in ")]
    for part in ("1 entry 'angry' next to train and val", "1 .heic files", "1 subfolders of class folders"):
        assert part in line
    assert "centre squares" not in caplog.text  # they are 48x48
    Image.new("L", (200, 100)).save(tmp_path / "val" / "sad" / "4.png")
    factories.image_folder(dir=str(tmp_path)).setup()
    assert "1 of 3 images are not 48x48: their centre squares are used" in caplog.text
