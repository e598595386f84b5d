import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fer_lightning.models.networks import ExpressionCNN, PhoneCNN, Scale


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return ExpressionCNN().eval()


def test_values_as_in_the_notebooks_summary(network):
    trainable = sum(parameter.numel() for parameter in network.parameters())
    statistics = sum(
        module.running_mean.numel() + module.running_var.numel()
        for module in network.modules()
        if isinstance(module, nn.BatchNorm2d)
    )
    assert trainable == 5_098_951
    assert statistics == 3_840
    assert trainable + statistics == 5_102_791  # Keras' total


def test_layer_shapes_as_in_the_notebooks_summary(network):
    """Channels, height and width after each convolution and pool; sizes of the dense layers."""
    shapes = []
    hooks = [
        module.register_forward_hook(lambda _, __, output: shapes.append(tuple(output.shape[1:])))
        for module in network
        if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.Linear)
    ]
    logits = network(torch.zeros(2, 1, 48, 48))
    for hook in hooks:
        hook.remove()
    assert logits.shape == (2, 7)
    assert shapes == [
        *[(64, 46, 46), (64, 46, 46), (64, 22, 22)],
        *[(128, 22, 22), (128, 22, 22), (128, 10, 10)],
        *[(256, 10, 10), (256, 10, 10), (256, 4, 4)],
        *[(512, 4, 4), (512, 4, 4), (512, 1, 1)],
        *[(512,), (256,), (64,), (7,)],
    ]


def test_order_of_layers(network):
    kinds = [type(module).__name__ for module in network]
    convolution = ["Conv2d", "ReLU", "BatchNorm2d"]
    stack = [*convolution, *convolution, "MaxPool2d", "Dropout"]
    assert kinds == [*stack * 4, "Flatten", *["Linear", "ReLU", "Dropout"] * 3, "Linear"]


def test_keras_constants(network):
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert (module.eps, module.momentum) == (1e-3, 0.01)
        elif isinstance(module, nn.Dropout):
            assert module.p == 0.3
        elif isinstance(module, nn.Conv2d | nn.Linear):
            fan_in, fan_out = nn.init._calculate_fan_in_and_fan_out(module.weight)
            limit = (6 / (fan_in + fan_out)) ** 0.5  # Glorot and Bengio 2010
            assert module.weight.abs().max() <= limit
            assert module.weight.abs().max() > 0.9 * limit
            assert not module.bias.any()


def test_dropout_is_a_key():
    assert {module.p for module in ExpressionCNN(dropout=0.5) if isinstance(module, nn.Dropout)} == {0.5}


@pytest.mark.parametrize("dense", [0.0, 0.4])
def test_dense_layers_can_have_a_dropout_of_their_own(dense):
    network = ExpressionCNN(dropout=0.1, dense_dropout=dense)
    assert [module.p for module in network if isinstance(module, nn.Dropout)] == [0.1] * 4 + [dense] * 3


def test_scale():
    images = torch.tensor([0, 51, 255], dtype=torch.uint8)
    scaled = Scale()(images)
    assert scaled.dtype == torch.float32
    assert scaled.tolist() == pytest.approx([0, 0.2, 1])


@pytest.mark.parametrize("size", [40, 44, 48])
@pytest.mark.parametrize("kind", [ExpressionCNN, PhoneCNN])
def test_takes_crops(kind, size):
    assert kind().eval()(torch.zeros(2, 1, size, size)).shape == (2, 7)


def test_the_phones_network_is_small():
    network = PhoneCNN().eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, 1, 48, 48))
    assert sum(parameter.numel() for parameter in network.parameters()) == 474_855 < 1_000_000
    assert counter.get_total_flops() // 2 == 57_688_616 < 60_000_000


@pytest.mark.parametrize("kind", [ExpressionCNN, PhoneCNN])
def test_initialisation(kind):
    torch.manual_seed(0)
    default = nn.Linear(512, 256).weight.abs().max()  # torch's own, 1 / sqrt(inputs)
    for network, smaller in ((kind(initialisation="torch"), True), (kind(initialisation="keras"), False)):
        last = next(module for module in network if isinstance(module, nn.Linear))
        assert (last.weight.abs().max() <= max(default, last.in_features**-0.5)) == smaller
    with pytest.raises(ValueError, match="initialisation must be keras or torch, got 'he'"):
        kind(initialisation="he")


def test_classes():
    assert ExpressionCNN(num_classes=8)[-1].out_features == PhoneCNN(num_classes=8)[-1].out_features == 8
