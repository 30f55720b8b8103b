# ruff: noqa: E501  # one genre is one row
"""How is each of the 48 genres played: who does what, in which rhythm, over which chords, with which tune?

The tables are data; `model.genres` has tempo, metre, mode, ensemble and form of each genre.

Roles, one word for each instrument of the genre's ensemble; a word of two letters is a track with both:
`D` kit, `X` hand drums, `B` bass, `C` chords, `G` broken chords, `P` held chords, `R` a riff, `L` the tune,
`K` a second voice to the tune, `S` short stabs, `A` and `T` inner voices, `V` the lowest voice, `U` a drone.
"""

from dataclasses import dataclass

from model.genres import GENRES, Genre

ROLES = "DXBCGPRLKSATVU"
# For a tune: rhythm cells in grid steps (`r`: a rest) with how often they come.
FEELS: dict[str, str] = {
    "vocal": "12:4 6+6:5 18+6:2 24:2 6+12+6:2 r12:1 r6+6:2",
    "sparse": "24:4 12:3 36+12:2 r12:2 48:2 18+6:1",
    "lyrical": "12:4 24:3 18+6:3 6+6:3 36+12:1 4+4+4:1",
    "running": "6+6:5 3+3+3+3:3 6+3+3:2 12:1 3+3+6:1",
    "swing": "6+6:6 12:3 r6+6:3 18+6:1 4+4+4:1 24:1",
    "bop": "6+6:9 4+4+4:1 r6+6:1 12:1 3+3+6:1",
    "rag": "3+6+3:5 6+6:3 3+3+6:3 12:1 3+3+3+3:2",
    "syncopated": "3+6+3:3 6+3+3:2 r3+3+6:2 6+6:3 12:2 r12:2 9+3:2",
    "latin": "6+12+6:4 18+6:3 6+6:3 r6+6:2 12:2 r12:1",
    "choral": "24:3 12:6 18+6:2 6+6:2 12+6+6:2",
    "hymn": "12:8 6+6:2 24:2 18+6:1",
    "dotted": "9+3:4 12:4 6+6:4 24:1 6+3+3:1",
    "drive": "6+6:5 12:3 9+9+6:3 r12:1 3+3+6:2",
    "edm": "9+9+6:4 6+6:3 12:2 r12:2 18+6:1 3+9:1",
    "phase": "6+6:4 3+3+6:3 9+3:2 r6+6:2",
    "free": "5+7:1 7+5:1 24:2 r12:3 3+3+3+3:2 36:1 4+4+4:2",
    "compound": "6+6+6:6 12+6:3 18:1 6+12:1 r18:1",
}
# slug: roles / grooves / hand drums / bass / chords, a bar for each such track / broken / progressions /
#       scale in major, in minor / feel of the tune / which notes swing
_TABLE: dict[str, str] = {
    "pop": "D B C G P L / pop pop_push / - / roots pump push / half push / picking eight / pop / major minor / vocal / -",
    "rock": "D B C R L / rock rock_drive / - / pump rock / power power_gallop / - / rock / mixolydian minor / drive / -",
    "indie_rock": "D B G C P L / rock rock_drive / - / pump octaves / strum push / eight picking / pop / major minor / vocal / -",
    "hard_rock": "D B C R L / hard rock / - / gallop rock / power_gallop power / - / rock / mixolydian blues / drive / -",
    "punk": "D B C L / punk punk_half / - / pump / power eighths / - / rock / major minor / drive / -",
    "soul": "D B C P S L / soul / - / soul walk / quarters charleston / - / soul / major dorian / vocal / 16",
    "funk": "D B C C S L / funk funk_open / - / funk slap / scratch funk | clav / - / funk / mixolydian dorian / syncopated / 16",
    "rnb": "D B C P K L / rnb / - / rnb soul / half push / - / soul / major minor / vocal / 16",
    "disco": "D B C C L S / disco / - / octaves / scratch funk | stab_off quarters / - / disco / major minor / syncopated / -",
    "country": "D B C G K L / country train / - / country two_beat / strum / travis picking / country / major minor / vocal / -",
    "singer_songwriter": "G C B P L / - / - / roots two / half whole / travis picking / folk / major minor / vocal / -",
    "hip_hop": "D B L P C / boom_bap trap / - / sub sub_hit / drum_machine half / - / hip_hop / major minor_pentatonic / sparse / 16",
    "renaissance": "L A T V / - / - / long oom / - / - / renaissance / major dorian / choral / -",
    "baroque": "L K A B C / - / - / continuo ground / quarters half / - / baroque / major harmonic / running / -",
    "classical": "L G A B / - / - / cello quarters / - / alberti eight / classical / major harmonic / lyrical / -",
    "romantic": "G L P K / - / - / waltz_long / - / rolled waltz / romantic / major harmonic / lyrical / -",
    "impressionist": "C L G P / - / - / waltz_long / waltz_full / rolled waltz / impressionist / lydian dorian / lyrical / -",
    "sacred": "L A T V P / - / - / long / - / - / renaissance / major harmonic / choral / -",
    "hymn": "L A T V / - / - / quarters / - / - / hymn / major harmonic / hymn / -",
    "ragtime": "CL B K / - / - / oom two_beat / stride / - / ragtime / major harmonic / rag / -",
    "swing": "D B C L K S / swing / - / walk walk_up / comp comp_two freddie / - / jazz / major dorian / swing / 8",
    "bebop": "D B C L K / bebop / - / walk walk_wide / comp comp_two charleston_two / - / jazz / major dorian / bop / 8",
    "cool_jazz": "D B C L K / cool / - / walk two / comp_two charleston / - / cool / major dorian / swing / 8",
    "big_band": "D B C C S L S K / swing_big swing / - / walk walk_wide / comp | freddie / - / jazz / major dorian / swing / 8",
    "house": "D B P C L / house house_roll / - / offbeat octaves / house stab / - / edm / major dorian / edm / 16",
    "techno": "D B P R / techno techno_dry / - / rolling acid / - / - / vamp / mixolydian phrygian / phase / -",
    "trance": "D B P L G / trance / - / offbeat rolling / - / trance updown / edm / major minor / edm / -",
    "drum_and_bass": "D B P C L / jungle jungle_two / - / jungle sub / stab half / - / edm / major minor / edm / -",
    "dubstep": "D B L P / dubstep / - / wobble sub_hit / - / - / vamp / major phrygian / sparse / -",
    "ambient": "P A G L / - / - / drone / - / sparse bells slow / ambient / lydian dorian / sparse / -",
    "downtempo": "D B C P L / downtempo boom_bap / - / rnb sub / drum_machine push / - / hip_hop / major dorian / sparse / 16",
    "synthwave": "D B L P S / synthwave / - / synth octaves / - / - / edm / major minor / edm / -",
    "electro": "D B L P / electro / - / electro acid / - / - / vamp / mixolydian minor / phase / -",
    "idm": "D B G P L / idm / - / sub electro / - / up sparse bells / ambient / lydian dorian / syncopated / -",
    "minimalism": "G R G L P / - / - / drone / - / phase pulse / minimal / major dorian / phase / -",
    "experimental": "C K D P L / odd taps / - / odd / odd / odd / experimental / whole octatonic / free / -",
    "folk": "G L K B / - / - / folk waltz / - / rolled waltz / folk / major dorian / lyrical / -",
    "celtic": "L K C U C / - / - / jig / jig / jig / celtic / mixolydian dorian / compound / -",
    "klezmer": "L K C B D / klezmer / - / klezmer two / klezmer boom_chick / - / klezmer / freygish harmonic / running / -",
    "flamenco": "C G D L / cajon / - / folk / compas rasgueado / tremolo rolled / flamenco / freygish phrygian / lyrical / -",
    "tango": "L K C B P / - / - / tango / tango / - / tango / major harmonic / dotted / -",
    "samba": "D X B C L S / samba samba_two / agogo / samba / samba / - / bossa / major dorian / syncopated / -",
    "bossa_nova": "D B C C L / bossa / - / bossa / bossa | whole charleston / - / bossa / major dorian / latin / -",
    "reggae": "D B C C S L / reggae steppers / - / reggae one_drop / bubble | skank skank_double / - / reggae / major minor / vocal / 16",
    "afrobeat": "D X B R C S L / afrobeat / shaker conga / afro / clav funk / - / funk / mixolydian dorian / syncopated / -",
    "salsa": "D X B G L S / salsa salsa_mambo / conga / tumbao / - / montuno / latin / major harmonic / latin / -",
    "polka": "C L B K D / polka / - / march oom / oom_pah / - / march / major harmonic / dotted / -",
    "march": "K K L C S B D / march march_roll / - / march oom / march / - / march / major harmonic / dotted / -",
}  # fmt: skip
# Forms beside the one of the genre; `blues` is choruses of twelve bars.
_OTHER_FORMS = {
    "pop": ("verse chorus verse chorus bridge chorus outro",),
    "rock": ("intro verse verse chorus verse chorus chorus", "blues"),
    "hard_rock": ("intro A A B A B",),
    "soul": ("A A B A",),
    "funk": ("intro A B A B", "blues"),
    "country": ("verse chorus verse chorus", "A A B A"),
    "singer_songwriter": ("verse verse chorus verse chorus",),
    "renaissance": ("A B C D", "A B B"),
    "baroque": ("A B A C A",),
    "classical": ("A B A", "A A B A C A"),
    "romantic": ("A B A C A",),
    "hymn": ("A B A B", "A A B"),
    "ragtime": ("A A B B A C C D D",),
    "swing": ("A B A C", "blues"),
    "bebop": ("blues",),
    "cool_jazz": ("A B A C",),
    "big_band": ("intro blues",),
    "techno": ("intro A A B A outro",),
    "ambient": ("A B C", "A A B"),
    "minimalism": ("A B C D", "A A B B"),
    "folk": ("A B A B", "verse chorus verse chorus"),
    "celtic": ("A A B B C C",),
    "samba": ("A A B A",),
    "bossa_nova": ("A B A C",),
    "tango": ("A B C A",),
    "polka": ("intro A A B B C",),
    "march": ("intro A A B B C",),
}


@dataclass(frozen=True)
class Style:
    """One genre as it is played; lists are to be chosen from, chords have one list for each such track."""

    genre: Genre
    roles: tuple[str, ...]
    grooves: tuple[str, ...]
    hands: tuple[str, ...]
    bass: tuple[str, ...]
    chords: tuple[tuple[str, ...], ...]
    broken: tuple[str, ...]
    progressions: str
    scale_major: str
    scale_minor: str
    feel: str
    swing: str
    forms: tuple[str, ...]


def _names(cell: str) -> tuple[str, ...]:
    return () if cell == "-" else tuple(cell.split())


def _style(genre: Genre) -> Style:
    cells = [cell.strip() for cell in _TABLE[genre.slug].split(" / ")]
    roles, grooves, hands, bass, chords, broken, progressions, scales, feel, swing = cells
    major, minor = scales.split()
    forms = (genre.form, *_OTHER_FORMS.get(genre.slug, ()))
    return Style(
        genre, tuple(roles.split()), _names(grooves), _names(hands), _names(bass),
        tuple(_names(group.strip()) for group in chords.split("|")), _names(broken), progressions, major, minor,
        feel, swing, forms,
    )  # fmt: skip


STYLES: dict[str, Style] = {genre.slug: _style(genre) for genre in GENRES}
