"""Every reader either reads what it is given or says in one sentence why not."""

import io
import json
import tarfile
import zipfile

import pytest
import safetensors.torch
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fer_lightning.ferplus import COLUMNS
from tests import fuzz
from tests.conftest import csv_text, random_images


def _picture(form: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(random_images(1)[0]).save(stream, format=form)
    return stream.getvalue()


def _zip(text: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fer2013.csv", text)
    return stream.getvalue()


def _tar(text: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        info = tarfile.TarInfo("fer2013/fer2013.csv")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    return stream.getvalue()


def _checkpoint() -> bytes:
    stream = io.BytesIO()
    torch.save({"state_dict": {"network.0.weight": torch.zeros(2)}, "hyper_parameters": {"model": {}}}, stream)
    return stream.getvalue()


@pytest.fixture(scope="module")
def seeds(faces):
    """Good inputs of each target, to be damaged."""
    text = csv_text(faces).encode()
    return {
        "csv_file": [text],
        "zip_file": [_zip(text)],
        "tar_file": [_tar(text)],
        "row_numbers": [b"row,reason\n1,flat\n2,no_face\n"],
        "votes": [(",".join(COLUMNS) + "\n" + ",".join("1" * 10) + "\n").encode()],
        "picture": [_picture(form) for form in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP")],
        "manifest": [json.dumps({"files": {"a": {"sha256": "0"}}, "documents": {}}).encode()],
        "run_settings": [yaml.safe_dump({"groups": {"data": "sample"}, "values": {"seed": 0}}).encode()],
        "torch_checkpoint": [_checkpoint()],
        "safetensors_checkpoint": [safetensors.torch.save({"a": torch.zeros(2)}, metadata={"settings": "{}"})],
    }


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_good_inputs_damaged(seeds, name):
    @settings(max_examples=25, deadline=None, derandomize=True, database=None)
    @given(st.data())
    def damaged(data):
        content = bytearray(seeds[name][data.draw(st.integers(0, len(seeds[name]) - 1))])
        for _ in range(data.draw(st.integers(1, 4))):
            place = data.draw(st.integers(0, len(content) - 1))
            kind = data.draw(st.sampled_from(("flip", "cut", "insert", "repeat")))
            if kind == "flip":
                content[place] = data.draw(st.integers(0, 255))
            elif kind == "cut":
                del content[place : place + data.draw(st.integers(1, 200))]
            elif kind == "insert":
                content[place:place] = data.draw(st.binary(max_size=20))
            else:
                content[place:place] = content[place : place + 50]
            if not content:
                break
        fuzz.TARGETS[name](bytes(content))

    damaged()


@pytest.mark.parametrize("name", fuzz.TARGETS)
def test_any_bytes(name):
    @settings(max_examples=25, deadline=None, derandomize=True, database=None)
    @given(st.binary(max_size=300))
    def anything(data):
        fuzz.TARGETS[name](data)

    anything()
