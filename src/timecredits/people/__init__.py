"""People, their cards and the keys that act."""
