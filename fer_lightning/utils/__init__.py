"""Files, terminals and the machine; nothing about faces."""
