from types import SimpleNamespace

import pytest
import torch

from fer_lightning.training.callbacks.epoch_seed import EpochSeed


@pytest.mark.parametrize(("index", "expected"), [(0, 1), (1, 2), (3, 2)])
def test_a_run_resumes_with_fewer_gpus_than_were_visible(monkeypatch, index, expected):
    """Each process restores its own GPU's generator, the last one that was saved if its own is missing."""
    restored = []
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: restored.append((int(state[0]), device)))
    device = torch.device("cuda", index)
    callback = EpochSeed(seed=0, phase=0)
    callback.load_state_dict({"generators": [torch.get_rng_state(), torch.tensor([1]), torch.tensor([2])]})
    loop = SimpleNamespace(_load_combined_loader_states=lambda: None, restarted_mid_epoch=True)
    callback.on_train_start(SimpleNamespace(fit_loop=loop), SimpleNamespace(device=device))
    assert restored == [(expected, device)]
