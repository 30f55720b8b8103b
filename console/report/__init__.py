"""The report of a whole chain as one HTML page that needs nothing but itself."""
