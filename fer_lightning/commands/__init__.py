"""The work of the commands; the modules one folder up parse the command lines."""
