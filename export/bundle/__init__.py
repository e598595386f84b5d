"""The exported folder: models, manifest and documents."""
