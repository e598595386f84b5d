import pytest
import torch
from fer_lightning.export.graph.equalize import equalize
from fer_lightning.export.graph.fold_batch_norm import fold_batch_norm
from torch import nn

from fer_lightning.models.networks import ExpressionCNN, PhoneCNN


def lived_in(network: nn.Module) -> nn.Module:
    """Give every batch-norm layer statistics and scales as after training, some scales negative and one zero."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.bias.data, module.running_mean):
                tensor.copy_(torch.randn(tensor.shape, generator=generator))
            module.running_var.copy_(torch.rand(module.running_var.shape, generator=generator) + 0.5)
            module.weight.data[1] = 0
    return network.eval()


def images(count=16, seed=1, size=48):
    return torch.rand(count, 1, size, size, generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def assert_equal_networks(folded, network, inputs):
    probabilities, expected = folded(inputs).softmax(1), network(inputs).softmax(1)
    assert expected.std() > 1e-3  # else anything would agree
    torch.testing.assert_close(probabilities, expected, rtol=0, atol=1e-5)


def kinds(network):
    return [type(layer) for layer in network]


def test_trained_network_with_negative_scales(trained_network):
    scales = [layer.weight for layer in trained_network if isinstance(layer, nn.BatchNorm2d)]
    assert all((scale < 0).any() and (scale > 0).any() for scale in scales)
    folded = fold_batch_norm(trained_network)
    assert_equal_networks(folded, trained_network, images())
    assert nn.BatchNorm2d not in kinds(folded)
    assert nn.Dropout not in kinds(folded)


@pytest.mark.parametrize("options", [{}, {"channels": (8, 8, 8, 8), "dense": ()}, {"dense": (16,)}])
def test_every_size_of_the_network(options):
    torch.manual_seed(0)
    network = lived_in(ExpressionCNN(**options))
    folded = fold_batch_norm(network)
    assert_equal_networks(folded, network, images(4))
    assert nn.BatchNorm2d not in kinds(folded)


def test_leaves_the_network_as_it_was(trained_network):
    before = {name: value.clone() for name, value in trained_network.state_dict().items()}
    fold_batch_norm(trained_network)
    for name, value in trained_network.state_dict().items():
        torch.testing.assert_close(value, before[name], rtol=0, atol=0)


def test_positive_scales_cost_one_addition_a_convolution():
    network = lived_in(ExpressionCNN(channels=(8, 8, 8, 8), dense=(8,)))
    for layer in network:
        if isinstance(layer, nn.BatchNorm2d):
            layer.weight.data.abs_()
    convolutions = [layer for layer in fold_batch_norm(network) if isinstance(layer, nn.Conv2d)]
    assert len(convolutions) == 8


BEFORE_RELU = [nn.Conv2d(1, 6, 3, bias=False), nn.BatchNorm2d(6), nn.ReLU()]
OTHER_PLACES = {
    "before ReLU, with a depthwise convolution": [
        *BEFORE_RELU,
        nn.Conv2d(6, 6, 3, groups=6),
        nn.BatchNorm2d(6),
        nn.ReLU(),
    ],
    "before a depthwise convolution": [
        nn.Conv2d(1, 6, 3),
        nn.ReLU(),
        nn.BatchNorm2d(6),
        nn.Conv2d(6, 6, 3, padding=1, groups=6),
    ],
    "before an average": [nn.Conv2d(1, 6, 3), nn.ReLU(), nn.BatchNorm2d(6), nn.AvgPool2d(2)],
    "after max-pooling": [nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.BatchNorm2d(6)],
    "at the end": [nn.Conv2d(1, 6, 3), nn.ReLU(), nn.BatchNorm2d(6), nn.MaxPool2d(2)],
    "nested": [nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU()), nn.Sequential(nn.BatchNorm2d(6), nn.Dropout(0.5))],
}


@pytest.mark.parametrize("place", OTHER_PLACES)
def test_stays_exact_wherever_batch_norm_is(place):
    torch.manual_seed(0)
    network = lived_in(nn.Sequential(*OTHER_PLACES[place], nn.Flatten(), nn.LazyLinear(7)))
    with torch.no_grad():
        network(images(1, size=12))
    assert_equal_networks(fold_batch_norm(network), network, images(size=12))


def test_flattened_from_more_than_one_pixel():
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 6, 3), nn.ReLU(), nn.BatchNorm2d(6), nn.MaxPool2d(3), nn.Flatten(), nn.Linear(6 * 9, 7)]
    network = lived_in(nn.Sequential(*layers))
    folded = fold_batch_norm(network)
    assert_equal_networks(folded, network, images(size=11))
    assert nn.BatchNorm2d not in kinds(folded)


class TestEqualize:
    def test_computes_the_same(self, trained_network):
        equalized = equalize(fold_batch_norm(trained_network), images(32, seed=2))
        assert_equal_networks(equalized, trained_network, images())

    def test_evens_out_the_channels(self, trained_network):
        folded = fold_batch_norm(trained_network)
        second = next(index for index, layer in enumerate(folded) if isinstance(layer, nn.Conv2d) and index)
        folded[0].weight.data[0] *= 20  # a channel much louder than the others
        folded[0].bias.data[0] *= 20
        faces = images(32, seed=2)

        def spread(network):
            sizes = network[:second](faces).detach().abs().amax((0, 2, 3))
            return (sizes.max() / sizes.median()).item()

        assert spread(equalize(folded, faces)) < 0.5 * spread(folded)

    def test_channels_that_say_nothing_or_are_not_heard(self):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 6, 3), nn.Flatten(), nn.LazyLinear(7))
        network(images(1, size=12))
        network[0].weight.data[:2] = 0
        network[0].bias.data[:2] = 0
        network[2].weight.data[:, 1:4] = 0
        assert_equal_networks(equalize(network, images(size=12)), network, images(size=12))


def test_nothing_of_batch_norm_is_left_of_the_phones_network():
    network = lived_in(PhoneCNN(channels=(4, 8, 8, 8)))
    folded = fold_batch_norm(network)
    kinds = {type(module) for module in folded}
    assert kinds == {nn.Conv2d, nn.ReLU, nn.MaxPool2d, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Linear}
    images = torch.rand(5, 1, 48, 48)
    torch.testing.assert_close(folded(images), network(images), atol=1e-4, rtol=1e-4)
    evened = equalize(folded, images)
    torch.testing.assert_close(evened(images), network(images), atol=1e-4, rtol=1e-4)
    assert not torch.equal(evened[-1].weight, folded[-1].weight)  # also across the mean
