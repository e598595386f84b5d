"""The values that each config key may have, checked before anything heavy is imported or read."""
