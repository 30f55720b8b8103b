"""What is a house-composed piece called? Invented titles out of word lists, no two alike."""

from model.genres import GENRE_SLUGS

FIRST = (
    "Amber", "Borrowed", "Brass", "Cardinal", "Chalk", "Cobalt", "Copper", "Crooked", "Distant", "Drifting",
    "Early", "Eastward", "Empty", "Faded", "Feathered", "Folded", "Gilded", "Glass", "Half-Lit", "Hidden",
    "Hollow", "Indigo", "Iron", "Ivory", "Juniper", "Kindled", "Lantern", "Late", "Linen", "Lowland",
    "Marble", "Midnight", "Moss", "Narrow", "Northern", "Oaken", "Ochre", "Painted", "Paper", "Patient",
    "Pewter", "Quiet", "Rainy", "Restless", "River", "Rusted", "Saffron", "Salt", "Scarlet", "Second",
    "Silver", "Sleeping", "Slow", "Southbound", "Sunday", "Tangled", "Tin", "Twilight", "Unsent", "Velvet",
    "Violet", "Wandering", "Winter", "Wooden",
)  # fmt: skip
SECOND = (
    "Almanac", "Anchor", "Arcade", "Atlas", "Avenue", "Balcony", "Ballad", "Barometer", "Bicycle", "Bridge",
    "Calendar", "Canal", "Carousel", "Cathedral", "Chimney", "Circuit", "Coastline", "Compass", "Corridor",
    "Courtyard", "Curtain", "Daybreak", "Dial", "Doorway", "Engine", "Envelope", "Evening", "Feather",
    "Ferry", "Fountain", "Garden", "Gate", "Harbour", "Harvest", "Horizon", "Hour", "Island", "Journal",
    "Kite", "Ladder", "Lagoon", "Letter", "Library", "Lighthouse", "Map", "Market", "Meadow", "Mile",
    "Mirror", "Morning", "Motel", "Mountain", "Observatory", "Orbit", "Orchard", "Overcoat", "Parade",
    "Passage", "Pavilion", "Platform", "Postcard", "Promise", "Quarry", "Radio", "Railway", "Ribbon",
    "Rooftop", "Sails", "Season", "Shadow", "Shoreline", "Signal", "Sparrow", "Staircase", "Station",
    "Story", "Street", "Summer", "Telegram", "Terrace", "Thread", "Tide", "Tower", "Train", "Umbrella",
    "Valley", "Veranda", "Voyage", "Waltz", "Waterline", "Weather", "Window", "Wishing Well", "Workshop",
    "Yard", "Zodiac",
)  # fmt: skip
_STRIDE = 2741  # has no divisor in common with the number of titles, so every place comes once
PER_GENRE = len(FIRST) * len(SECOND) // len(GENRE_SLUGS)


def invent_title(genre: str, index: int, seed: int) -> str:
    """A title; of one seed no two genres or indices have the same below 128 pieces a genre."""
    place = GENRE_SLUGS.index(genre) * PER_GENRE + index
    number = (place * _STRIDE + 977 * seed) % (len(FIRST) * len(SECOND))
    return f"{FIRST[number // len(SECOND)]} {SECOND[number % len(SECOND)]}"
