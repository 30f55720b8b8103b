"""What was written down here, in a form that a stranger can check."""
