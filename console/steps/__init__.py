"""One file for each link of the chain: what the command line and the demo both call."""
