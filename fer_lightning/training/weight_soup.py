"""Weight soups: averages of the weights of networks fine-tuned from the same one (Wortsman et al., 2022)."""

import copy
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from fer_lightning.errors import FerError

Weights = dict[str, Tensor]


def check_same_architecture(paths: Sequence[Path], networks: Sequence[nn.Module]) -> None:
    """Check that the weights of all networks have the same names and shapes.

    Raises:
        FerError: a network differs from the first; the text names both files.
    """
    shapes = [{name: value.shape for name, value in network.state_dict().items()} for network in networks]
    for path, found in zip(paths, shapes, strict=True):
        if found != shapes[0]:
            raise FerError(f"{path} and {paths[0]} have different architectures; a soup needs the same one")


def average(states: Sequence[Weights]) -> Weights:
    """The mean of each weight; integer counters are taken from the first network."""
    return {
        name: torch.stack([state[name] for state in states]).mean(dim=0) if value.is_floating_point() else value
        for name, value in states[0].items()
    }


def estimate_batch_norm(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Replace batch-norm's running statistics with their mean over ``batches``; the network is in eval mode afterwards.

    Only batch-norm layers are in training mode meanwhile, so dropout stays off. The statistics of averaged weights
    are not the average of the networks' statistics.

    Args:
        network: the network to change.
        batches: float32 [B, 1, H, W] in 0..1, all of the same size B.
    """
    network.eval()
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative mean
        norm.train()
    with torch.no_grad():
        for images in batches:
            network(images)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    network.eval()


def soup_of(networks: Sequence[nn.Module], batches: Iterable[Tensor]) -> nn.Module:
    """A network with the average weights of ``networks`` and batch-norm statistics estimated on ``batches``."""
    soup = copy.deepcopy(networks[0])
    soup.load_state_dict(average([network.state_dict() for network in networks]))
    estimate_batch_norm(soup, batches)
    return soup


def greedy(accuracies: Sequence[float], accuracy_of: Callable[[Sequence[int]], float]) -> list[int]:
    """Choose the members of a greedy soup: from best to worst, a network is added unless accuracy drops.

    Args:
        accuracies: accuracy of each network alone.
        accuracy_of: accuracy of the soup of the networks with the given indices.

    Returns:
        Indices of the members, the best first.
    """
    first, *others = sorted(range(len(accuracies)), key=lambda place: -accuracies[place])
    members, best = [first], accuracy_of([first])
    for place in others:
        accuracy = accuracy_of([*members, place])
        if accuracy >= best:
            members, best = [*members, place], accuracy
    return members
