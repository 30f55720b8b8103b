"""What can go wrong between music that comes in and music that goes out."""


class ModelError(Exception):
    """The model cannot go on; the message says what was found, where, and what to do."""


class MidiError(ModelError):
    """Bytes that should be MIDI are not, or hold what cannot be used."""


class NotationError(ModelError):
    """A score in MusicXML, Humdrum or ABC cannot be turned into notes."""


class SoundBankError(ModelError):
    """No sound bank can be found or read."""


class CorpusError(ModelError):
    """A corpus does not verify; nothing is trained on it."""


class CheckpointError(ModelError):
    """A checkpoint cannot be read, or belongs to another corpus or configuration."""


class PromptError(ModelError):
    """A prompt asks for something that this model cannot give."""


class TrainingError(ModelError):
    """A run cannot begin or go on."""


class TooAlikeError(ModelError):
    """A piece repeats a work for longer than works repeat each other by chance."""


class EditError(ModelError):
    """An edit asks for what this piece does not have, or would make it what no piece can be."""
