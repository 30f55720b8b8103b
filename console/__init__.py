"""Everything that a person or a program talks to, and the one place that wires the rest together."""
