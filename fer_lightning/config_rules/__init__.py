"""Rules for the values of config keys, checked before heavy imports and before data are read."""
