"""Which training examples a generation leaned on, and what share of it is theirs."""
