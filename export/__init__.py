"""A trained network -> ONNX -> TFLite, verified, as a bundle that the app takes: python -m export."""
