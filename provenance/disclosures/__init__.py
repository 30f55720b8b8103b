"""What must be disclosed about a model, filled from the records and from what a person attests."""
