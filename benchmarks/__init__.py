"""What is measured, each beside the plain library call that it stands on."""
