"""What is measured against peers, in the same run, each a command: python -m benchmarks.NAME."""
