"""Convert torch to Keras, for the SavedModel and for a comparison with the notebook's own TFLite conversion."""

from itertools import zip_longest
from pathlib import Path

from torch import Tensor, nn

from fer_lightning.constants import IMAGE_SIZE
from fer_lightning.errors import FerError

from ..captured_output import converting
from .onnx import INPUT, OUTPUT


def keras_network(network: nn.Sequential) -> "keras.Model":  # type: ignore[name-defined]  # noqa: F821
    """Return the network in Keras, with softmax at the end: [B, 48, 48, 1] -> [B, 7].

    Raises:
        FerError: the network has a layer that this conversion does not know.
    """
    import keras
    from keras import layers

    model = keras.Sequential([keras.Input((IMAGE_SIZE, IMAGE_SIZE, 1), name=INPUT)])

    def add(layer: layers.Layer, *weights: Tensor | None) -> None:
        model.add(layer)
        layer.set_weights([weight.detach().numpy() for weight in weights if weight is not None])

    previous: nn.Module | None = None
    for layer, following in zip_longest(network, list(network)[1:]):
        activation = {"activation": "relu" if isinstance(following, nn.ReLU) else None}
        if isinstance(layer, nn.Conv2d) and layer.groups == 1:
            padding = "same" if layer.padding[0] else "valid"
            options = {"padding": padding, "use_bias": layer.bias is not None, **activation}
            convolution = layers.Conv2D(layer.out_channels, layer.kernel_size, **options)
            add(convolution, layer.weight.permute(2, 3, 1, 0), layer.bias)
        elif isinstance(layer, nn.ReLU):
            if isinstance(previous, nn.BatchNorm2d):  # otherwise it is part of the layer before
                add(layers.ReLU())
        elif isinstance(layer, nn.BatchNorm2d):
            norm = layers.BatchNormalization(epsilon=layer.eps, momentum=1 - (layer.momentum or 0))
            add(norm, layer.weight, layer.bias, layer.running_mean, layer.running_var)
        elif isinstance(layer, nn.MaxPool2d):
            add(layers.MaxPooling2D(layer.kernel_size, strides=layer.stride))
        elif isinstance(layer, nn.AdaptiveAvgPool2d) and layer.output_size == 1:
            add(layers.GlobalAveragePooling2D(keepdims=True))
        elif isinstance(layer, nn.Dropout):
            add(layers.Dropout(layer.p))
        elif isinstance(layer, nn.Flatten):
            if model.output_shape[1:3] != (1, 1):  # torch and Keras flatten several pixels in different orders
                raise FerError("a network that flattens more than one pixel cannot be converted to Keras")
            add(layers.Flatten())
        elif isinstance(layer, nn.Linear):
            if following is None:
                activation = {"activation": "softmax"}
            add(layers.Dense(layer.out_features, **activation), layer.weight.T, layer.bias)
        else:
            raise FerError(
                f"{type(layer).__name__} cannot be converted to Keras: leave saved_model out of export.formats and set "
                "export.notebook=false"
            )
        previous = layer
    return model


def to_saved_model(network: nn.Sequential, path: Path) -> None:
    """Write a SavedModel, which is a folder: float32 [B, 48, 48, 1] -> [B, 7].

    Raises:
        FerError: see ``keras_network``, or TensorFlow failed.
    """
    with converting("TensorFlow"):
        import tensorflow as tf

        # Keras' own export writes each variable twice
        module = tf.Module()
        module.network = keras_network(network)
        image = tf.TensorSpec([None, IMAGE_SIZE, IMAGE_SIZE, 1], tf.float32, name=INPUT)
        serving = tf.function(lambda image: {OUTPUT: module.network(image, training=False)}, input_signature=[image])
        tf.saved_model.save(module, str(path), signatures=serving)


def to_notebook_tflite(network: nn.Sequential, path: Path) -> None:
    """Write a TFLite file as the notebook did: float32, with batch-norm left to the converter.

    Raises:
        FerError: see ``keras_network``, or TFLiteConverter failed.
    """
    with converting("TFLiteConverter"):
        import tensorflow as tf

        converter = tf.lite.TFLiteConverter.from_keras_model(keras_network(network))
        path.write_bytes(converter.convert())
