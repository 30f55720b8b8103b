# ruff: noqa: E501  # one family is a few rows
"""Which chords follow each other in which kind of music?

One chord a bar; a point joins the two chords of one bar. Each family has progressions in major and in minor;
they are repeated or cut to fill a section. Numerals count from the major scale on the tonic, so the third
degree of a minor key is `bIII`.
"""

PROGRESSIONS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "pop": (
        ("I V vi IV", "vi IV I V", "I vi IV V", "IV I V vi", "I iii IV V", "I IV vi V", "IV V iii vi"),
        ("i bVI bIII bVII", "i bVII bVI V", "i iv bVII bIII", "i bVI iv V", "bVI bVII i i", "i bIII iv bVI"),
    ),
    "rock": (
        ("I bVII IV I", "I IV V IV", "I V IV IV", "I I bVII IV", "vi IV I V", "I bIII IV I"),
        ("i bVII bVI bVII", "i bIII bVII IV", "i bVI bVII i", "i i bVI bVII", "i iv bVI V", "i bII i bVII"),
    ),
    "soul": (
        ("I vi7 ii7 V7", "Imaj7 iii7 IVmaj7 V7", "I IV I V7", "Imaj7 vi7 IVmaj7 iv6", "ii7 V7 Imaj7 vi7"),
        ("i7 iv7 bVII7 bIIImaj7", "i7 bVImaj7 iv7 V7", "i7 i7 iv7 V7", "bVImaj7 bVII7 i7 i7"),
    ),
    "funk": (
        ("I9 I9 IV9 I9", "I9 IV9 I9 V9", "I9 bVII9 IV9 I9"),
        ("i7 i7 IV7 i7", "i7 IV7 i7 IV7", "i7 bVII7 iv7 i7", "i9 i9 bVI7 V7", "i7 iv7 i7 V7"),
    ),
    "disco": (
        ("Imaj7 vi7 ii7 V7", "IVmaj7 iii7 ii7 V7", "I vi IV V"),
        ("i7 iv7 bVII7 bIIImaj7", "i bVII bVI V", "i7 bVImaj7 bVII7 i7", "iv7 bVII7 bIIImaj7 V7"),
    ),
    "country": (
        ("I I IV I", "I IV V I", "I V V I", "I IV I V", "IV I V I", "I vi IV V"),
        ("i bVII bVI V", "i iv i V", "i bVII i V"),
    ),
    "folk": (
        ("I IV I V", "I V I IV", "I I IV V", "I vi IV V", "IV I V I", "I ii V I"),
        ("i bVII i bVII", "i bIII bVII i", "i iv bVII i", "i bVII bVI v", "i v bVI bVII"),
    ),
    "hip_hop": (
        ("Imaj7 vi7 ii7 V7", "IVmaj7 iii7 vi7 vi7", "Imaj7 Imaj7 IVmaj7 iv6"),
        ("i7 bVImaj7 iv7 v7", "i7 i7 iv7 bVII7", "i9 i9 bVImaj7 V7", "i7 bVII7 bVImaj7 bVImaj7"),
    ),
    "renaissance": (
        ("I IV I V", "I vi IV V", "vi IV V I", "I V vi V", "IV I ii V", "I bVII IV V"),
        ("i bVII i V", "i bIII bVII V", "i iv V i", "bIII bVII i V", "i v bVI V", "iv i iv V"),
    ),
    "baroque": (
        ("I IV viio iii vi ii V7 I", "I V vi iii IV I ii V", "I ii V7 I", "I vi ii V7", "I IV V7 vi ii V7 I I"),
        ("i iv bVII bIII bVI iio V7 i", "i V i iv bVII bIII iio V7", "i iv V7 i", "i bVI iio V7", "i V7 i V7"),
    ),
    "classical": (
        ("I V7 I V7", "I IV V7 I", "I vi ii V7", "I I V7 V7", "IV I V7 I", "I ii V7 I", "V7 I V7 I"),
        ("i V7 i V7", "i iv V7 i", "i bVI iv V7", "i i iio V7", "iv i V7 i"),
    ),
    "romantic": (
        ("I vi ii V7", "I III7 vi IV", "I iv6 I V7", "I bVI IV V7", "IV iv I V7", "I I+ IV iv6"),
        ("i bVI iv V7", "i iv bII V7", "bVI bIII iv V7", "i V7 bVI iv", "i io7 iv V7"),
    ),
    "impressionist": (
        ("Imaj9 bVIImaj7 Imaj9 bIIImaj7", "Imaj7 II9 IVmaj7 II9", "I9 bIII9 bV9 bIII9", "IVmaj9 iii7 ii7 Imaj9"),
        ("i9 IV9 i9 bVImaj7", "im6 bVII9 bVImaj7 bVII9", "i7 bIII9 bVII9 IV9"),
    ),
    "hymn": (
        ("I IV.I V I", "I V.I IV.I V", "I I.V vi.IV V", "vi.V I.IV I.V I", "I ii.V I.vi V"),
        ("i iv.i V i", "i V.i bVI.iv V", "bIII bVII.bIII iv V"),
    ),
    "ragtime": (
        ("I VI7 II7 V7", "I I V7 I", "I IV I.VI7 II7.V7", "IV #ivo7 I VI7 II7 V7 I I", "I I.VI7 II7 V7"),
        ("i V7 i V7", "i iv i.VI7 II7.V7", "bIII V7 i V7"),
    ),
    "jazz": (
        (
            "Imaj7.vi7 ii7.V7 iii7.VI7 ii7.V7",
            "Imaj7 VI7 ii7 V7",
            "ii7 V7 Imaj7 Imaj7",
            "Imaj7 Imaj7 II7 II7 ii7 V7 Imaj7 VI7",
            "III7 III7 VI7 VI7 II7 II7 V7 V7",
            "v7 I7 IVmaj7 IVmaj7 iv7 bVII7 Imaj7 ii7.V7",
        ),
        (
            "iv7 bVII7 bIIImaj7 bVImaj7 iiø7 V7 i6 i6",
            "i6 iiø7.V7 i6 iiø7.V7",
            "i7 bVII7 bVI7 V7",
            "iiø7 V7 i7 i7",
            "i7 i7 iv7 iv7 iiø7 V7 i6 V7",
        ),
    ),
    "cool": (
        ("Imaj7 ii7 iii7 ii7", "Imaj9 IVmaj7 Imaj9 ii7.V7", "ii9 V7 Imaj9 VI7"),
        ("i7 i7 i7 i7", "i7 IV7 i7 IV7", "bii7 bii7 i7 i7", "i9 bIIImaj7 bII7 i9"),
    ),
    "edm": (
        ("vi IV I V", "I V vi IV", "IV V vi vi", "I iii vi IV"),
        ("i bVI bIII bVII", "i i bVI bVII", "i bVII bVI bVII", "i iv bVI V", "bVI bVII i v", "i v bVI bVI"),
    ),
    "vamp": (
        ("I I bVII I", "I7 I7 IV7 I7"),
        ("i i i bVII", "i i bII i", "i7 i7 i7 bIII", "i i bVI i", "i iv i i"),
    ),
    "ambient": (
        ("Imaj7 IVmaj7 Imaj7 vi7", "Imaj9 Imaj9 IVmaj9 IVmaj9", "vi7 IVmaj7 Imaj7 Vsus4", "IVmaj7 Imaj7 ii7 Imaj7"),
        ("i9 bVImaj7 bIIImaj7 bVII", "i7 i7 bVImaj9 bVImaj9", "i9 iv9 i9 bVImaj7"),
    ),
    "minimal": (
        ("I I IV I", "I vi I vi", "vi IV I Vsus4", "I Isus4 I iii"),
        ("i i bVI i", "i bIII bVII i", "i Vsus4 bVI bIII"),
    ),
    "experimental": (
        ("I+ bVI+ II+ bVI+", "Imaj7 bIImaj7 bVmaj7 bIImaj7", "I5 bII5 bV5 V5", "Isus4 bIIIsus4 bVIsus4 bVsus4"),
        ("io7 bii7 iii+ bvm6", "i bii iii bvi", "i+ iii bvi io7", "im6 bIImaj7 io7 bVmaj7"),
    ),
    "celtic": (
        ("I I V V", "I IV I V", "I V IV V", "I IV V I", "vi IV V I"),
        ("i i bVII bVII", "i bVII i bVII", "i bIII bVII i", "i bVII v i"),
    ),
    "klezmer": (
        ("I iv I bII", "I I bvii I", "I bII bvii I"),
        ("i i iv i", "i iv V7 i", "i bVII bIII V7", "iv i V7 i", "i V7 i V7"),
    ),
    "flamenco": (
        ("I bII I bII", "I bII bIII bII"),
        ("i bVII bVI V", "iv bIII bII I", "i i bVI V", "bVI bVI V V", "iv bVII bVI V"),
    ),
    "tango": (
        ("I V7 V7 I", "I VI7 ii V7", "IV I V7 I"),
        ("i V7 i V7", "i iv i V7", "iv i V7 i", "i bVI iiø7 V7", "i V7 V7 i"),
    ),
    "bossa": (
        ("Imaj7 II7 ii7 V7", "Imaj9 VI7 ii9 V7", "Imaj7 bVII9 Imaj7 VI7", "ii7 V7 iii7 VI7", "Imaj7 bIIImaj7 ii7 bII7"),
        ("i7 iiø7 V7 i7", "im6 II7 iiø7 V7", "i9 bVII9 bVImaj7 V7", "iv7 bVII9 bIIImaj7 V7"),
    ),
    "latin": (
        ("I IV V7 IV", "I VI7 ii7 V7", "ii7 V7 I I", "I V7 V7 I"),
        ("i iv V7 V7", "i bVII bVI V7", "i i V7 V7", "i7 IV7 i7 IV7", "iv i V7 i"),
    ),
    "reggae": (
        ("I IV I V", "I I IV IV", "I V vi IV", "I ii I ii", "vi V vi V"),
        ("i iv i iv", "i bVII i bVII", "i bVI bVII i", "i v i v"),
    ),
    "march": (
        ("I I V7 I", "I IV V7 I", "V7 I V7 I", "I VI7 II7 V7", "IV I II7 V7"),
        ("i i V7 i", "i iv V7 i", "bVI bIII iv V7"),
    ),
    "blues": (
        ("I7 IV7 I7 I7 IV7 IV7 I7 I7 V7 IV7 I7 V7", "I7 I7 I7 I7 IV7 IV7 I7 VI7 ii7 V7 I7 V7"),
        ("i7 iv7 i7 i7 iv7 iv7 i7 i7 bVI7 V7 i7 V7",),
    ),
}  # fmt: skip


def bars_of(progression: str) -> list[tuple[str, str]]:
    """The two chords of each bar of a progression."""
    halves = [bar.split(".") for bar in progression.split()]
    return [(half[0], half[-1]) for half in halves]
