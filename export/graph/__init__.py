"""Changes of the network before it is converted; each keeps what it computes."""
