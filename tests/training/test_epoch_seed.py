from types import SimpleNamespace

import torch

from fer_lightning.training.callbacks.epoch_seed import EpochSeed


def start(callback, index):
    loop = SimpleNamespace(_load_combined_loader_states=lambda: None, restarted_mid_epoch=True)
    callback.on_train_start(SimpleNamespace(fit_loop=loop), SimpleNamespace(device=torch.device("cuda", index)))


def test_a_run_resumes_on_another_gpu_with_the_state_of_its_own(monkeypatch):
    """As with CUDA_VISIBLE_DEVICES, which gives the only visible GPU the number 0."""
    states = {torch.device("cuda", index): torch.tensor([index]) for index in range(2)}
    monkeypatch.setattr(torch.cuda, "get_rng_state", states.__getitem__)
    monkeypatch.setattr(torch.cuda, "set_rng_state", lambda state, device: states.update({device: state}))
    stopped = EpochSeed(seed=0, phase=0)
    start(stopped, index=1)
    resumed = EpochSeed(seed=0, phase=0)
    resumed.load_state_dict(stopped.state_dict())
    start(resumed, index=0)
    assert states[torch.device("cuda", 0)] == torch.tensor([1])
