"""Is this the same music as that, whatever it is called and however it was written down again?"""
