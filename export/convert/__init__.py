"""From a torch network to each file format."""
