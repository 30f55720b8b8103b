"""Who owns what, and what may be used for what."""
