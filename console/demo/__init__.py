"""The demo: real scores, a house catalogue of invented parties, and a month of invented usage."""
