"""Music in, music out: scores, representation, network, training, generation."""
