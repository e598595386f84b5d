"""Every reader either reads its input or says in one sentence why it cannot."""

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
    @given(st.sampled_from(seeds), st.randoms(use_true_random=False))
    def damaged(content, draw):
        fuzz.TARGETS[name](fuzz.damaged(content, draw))

    damaged()


@pytest.mark.parametrize("name", IN_PROCESS)
def test_any_bytes(name):
    @settings(max_examples=25, deadline=None, derandomize=True, database=None)
    @given(st.binary(max_size=300))
    def anything(data):
        fuzz.TARGETS[name](data)

    anything()
