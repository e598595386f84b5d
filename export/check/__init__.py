"""Whether an exported file computes what the network computes, and how fast."""
