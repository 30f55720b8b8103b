"""Who writes the pieces for which no licensed human work is at hand? A composer of rules, data and a seed.

Nothing here was trained and nothing is copied: grooves, basses, chords and forms are tables, tunes are made
of motifs. `compose` gives a piece of one of the 48 genres.
"""

from model.house.composer import HousePiece, HouseSection, compose

__all__ = ["HousePiece", "HouseSection", "compose"]
