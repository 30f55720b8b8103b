"""What can go wrong between a person and the house, and which exit code it has."""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit status means; outside checks rely on the numbers."""

    DONE = 0
    REFUSED = 1
    USAGE = 2
    INTERRUPTED = 130


class ConsoleError(Exception):
    """A command cannot go on; the message says what was found and what to do."""


class HomeBusyError(ConsoleError):
    """Another command is writing to the same home."""


class HomeUnusableError(ConsoleError):
    """The home directory cannot be made, read or written."""


class NotFoundError(ConsoleError):
    """Something was named that this home does not have."""


class WorkersError(ConsoleError):
    """A process that was to do a part of the work has failed."""
