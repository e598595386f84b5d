"""Export a trained network to ONNX and TFLite as a verified bundle for apps: python -m export."""
