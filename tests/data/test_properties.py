"""Every reader either reads what it is given or says in one sentence why not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import fuzz

# tflite_file starts a process for each input: tests/inference/test_tflite_model.py tries some
IN_PROCESS = [name for name in fuzz.TARGETS if name != "tflite_file"]


@pytest.mark.parametrize("name", IN_PROCESS)
def test_good_inputs_damaged(name):
    seeds = fuzz.good_inputs()[name]

    @settings(max_examples=25, deadline=None, derandomize=True, database=None)
    @given(st.data())
    def damaged(data):
        content = bytearray(data.draw(st.sampled_from(seeds)))
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


@pytest.mark.parametrize("name", IN_PROCESS)
def test_any_bytes(name):
    @settings(max_examples=25, deadline=None, derandomize=True, database=None)
    @given(st.binary(max_size=300))
    def anything(data):
        fuzz.TARGETS[name](data)

    anything()
