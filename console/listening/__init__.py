"""A blind listening test: pairs of clips, a page that plays them, and the answers that people gave."""
