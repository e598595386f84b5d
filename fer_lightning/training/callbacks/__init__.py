"""What needs Lightning's hooks, one concern a file."""
