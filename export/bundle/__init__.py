"""The folder that an app takes: models, manifest and documents."""
