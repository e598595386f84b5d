"""What the commands do once their words are checked; the modules one folder up are their doors."""
