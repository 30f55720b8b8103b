"""How is an XML message read element by element, whatever its size, without being led astray?

expat reads; nothing is ever declared or fetched: a document type, an entity or a reference to the outside
ends the reading. One element of interest at a time is held, and only up to a bounded size and depth.

Source: OWASP, XML External Entity Prevention.
"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

CHUNK = 1 << 16
MAX_DEPTH = 64
MAX_ELEMENT_BYTES = 1 << 20
MAX_TOKEN_BYTES = 1 << 20
MAX_NAMES = 50  # different names of elements that are counted
_ENDS = frozenset(
    {
        expat.errors.XML_ERROR_NO_ELEMENTS,
        expat.errors.XML_ERROR_UNCLOSED_TOKEN,
        expat.errors.XML_ERROR_PARTIAL_CHAR,
    }
)


@dataclass(frozen=True, slots=True)
class Item:
    """One element of interest, without namespaces; `element` is None where it was too large to hold."""

    name: str
    element: Element | None
    line: int
    start: int
    end: int


class UnusableMessageError(Exception):
    """The message cannot be read any further."""

    def __init__(self, code: str, found: str, expected: str, line: int, byte: int) -> None:
        super().__init__(code)
        self.code = code
        self.found = found
        self.expected = expected
        self.line = line
        self.byte = byte


@dataclass
class Message:
    """A message that is being read: what its root is, and how many elements were passed over."""

    stream: BinaryIO
    wanted: frozenset[str]
    root: tuple[str, str] | None = None  # namespace and name
    passed_over: Counter[str] = field(default_factory=Counter)

    def items(self) -> Iterator[Item]:
        """The elements of interest in order.

        Raises:
            UnusableMessageError: the message is no well-formed XML, breaks off, or declares what is refused.
        """
        reader = _Reader(self)
        while data := self.stream.read(CHUNK):
            reader.feed(data)
            while reader.ready:
                yield reader.ready.popleft()
        reader.finish()


class _Reader:
    """expat's handlers and what they remember."""

    def __init__(self, message: Message) -> None:
        self.message = message
        self.ready: deque[Item] = deque()
        self.path: list[str] = []
        self.builder: TreeBuilder | None = None
        self.opened: tuple[int, int, int] | None = None  # depth, line and byte of the item that is open
        self.fed = 0
        self.recent = b""
        parser = expat.ParserCreate(namespace_separator=" ")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        parser.ExternalEntityRefHandler = self._refuse
        self.parser = parser

    def feed(self, data: bytes) -> None:
        self.recent = self.recent[-CHUNK:] + data
        self.fed += len(data)
        self._parse(data, final=False)
        if self.fed - self.parser.CurrentByteIndex > MAX_TOKEN_BYTES:
            found = (
                f"a tag, comment or text without end, {self.fed - self.parser.CurrentByteIndex} bytes so far"
            )
            self._stop("ELEMENT_TOO_LARGE", found, f"at most {MAX_TOKEN_BYTES} bytes")

    def finish(self) -> None:
        self._parse(b"", final=True)

    def _parse(self, data: bytes, *, final: bool) -> None:
        try:
            self.parser.Parse(data, final)
        except expat.ExpatError as error:
            text = expat.errors.messages[error.code]
            if final and (text in _ENDS or self.path):
                within = f" within {self.path[-1]}" if self.path else ""
                self._stop("TRUNCATED_FILE", f"the end of the file{within}", "a whole XML message")
            self._stop("MALFORMED_XML", f"{text} in column {error.offset + 1}", "well-formed XML")
        except (ValueError, LookupError) as error:
            self._stop("MALFORMED_XML", f"an encoding that is not read ({error})", "UTF-8 or UTF-16")

    def _stop(self, code: str, found: str, expected: str) -> NoReturn:
        byte = max(self.parser.CurrentByteIndex, 0)
        raise UnusableMessageError(code, found, expected, self.parser.CurrentLineNumber, byte)

    def _refuse(self, *_declared: object) -> NoReturn:
        self._stop("ENTITY_REFUSED", "a document type or an entity", "a message that declares neither")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _space, local = name.rpartition(" ")
        if not self.path:
            self.message.root = (namespace, local)
        self.path.append(local)
        if len(self.path) > MAX_DEPTH:
            self._stop("ELEMENT_TOO_DEEP", f"elements {len(self.path)} deep", f"at most {MAX_DEPTH}")
        if self.opened is None:
            if local in self.message.wanted:
                self.opened = (
                    len(self.path), self.parser.CurrentLineNumber, self.parser.CurrentByteIndex
                )  # fmt: skip
                self.builder = TreeBuilder()
            elif self.path[-2:-1] == ["ResourceList"]:
                self._pass_over(local)
        builder = self._bounded_builder()
        if builder is not None:
            builder.start(local, {key.rpartition(" ")[2]: value for key, value in attributes.items()})

    def _pass_over(self, name: str) -> None:
        counts = self.message.passed_over
        counts[name if name in counts or len(counts) < MAX_NAMES else "other"] += 1

    def _bounded_builder(self) -> TreeBuilder | None:
        """What builds the item that is open; an item that has grown too large is no longer held."""
        if self.opened is not None and self.parser.CurrentByteIndex - self.opened[2] > MAX_ELEMENT_BYTES:
            self.builder = None
        return self.builder

    def _text(self, text: str) -> None:
        builder = self._bounded_builder()
        if builder is not None:
            builder.data(text)

    def _end(self, name: str) -> None:
        local = name.rpartition(" ")[2]
        builder = self._bounded_builder()
        if builder is not None:
            builder.end(local)
        if self.opened is not None and self.opened[0] == len(self.path):
            _depth, line, start = self.opened
            element = None if self.builder is None else self.builder.close()
            self.ready.append(Item(local, element, line, start, self._end_of_tag()))
            self.opened = self.builder = None
        self.path.pop()

    def _end_of_tag(self) -> int:
        """The byte behind the tag that expat is at."""
        at = self.parser.CurrentByteIndex
        first = self.fed - len(self.recent)
        found = self.recent.find(b">", max(at - first, 0))
        return at if found < 0 else first + found + 1
