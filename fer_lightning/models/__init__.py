"""The networks, their ensembles, and the checkpoints that hold them."""
