"""The project's own tests; a package of its own, as some wheels install one of the same name."""
