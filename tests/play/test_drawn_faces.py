"""The synthetic faces as vector drawings."""

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from fer_lightning.constants import LABELS
from fer_lightning.data.synthetic import draw_face
from fer_lightning.play.drawn_faces import draw_cover, draw_face_svg, draw_faces


@pytest.mark.parametrize("label", LABELS)
def test_a_face_is_an_image_without_scripts_styles_or_links(label):
    root = ET.fromstring(draw_face_svg(label, 7))
    assert {element.tag.split("}")[1] for element in root.iter()} == {"svg", "path"}
    allowed = {"d", "fill", "stroke", "stroke-width", "stroke-linecap", "stroke-linejoin"}
    assert {name for element in root for name in element.attrib} <= allowed


def test_each_expression_and_each_person_looks_different():
    faces = draw_faces()
    assert list(faces) == list(LABELS)
    drawings = [svg for people in faces.values() for svg in people]
    assert len(set(drawings)) == len(drawings)
    assert draw_faces() == faces


def test_the_cover_holds_three_faces():
    assert len(ET.fromstring(draw_cover()).findall("{*}g")) == 3


def test_rasters_are_what_they_were():
    # golden faces and figures rest on these pixels
    face = draw_face("happy", np.random.default_rng(0))
    assert (int(face.astype(np.int64).sum()), int(face[24, 24]), int(face[36, 20])) == (371906, 182, 187)
