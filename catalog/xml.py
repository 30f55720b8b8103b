"""How is XML from outside read without being led astray? No document type, no entity, a bounded size."""

from xml.etree.ElementTree import Element, ParseError
from xml.parsers import expat

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

MAX_BYTES = 8 << 20


class UnreadableXmlError(ValueError):
    """What was given is no XML that may be read; the message says why."""


def parse_xml(data: bytes, max_bytes: int = MAX_BYTES) -> Element:
    """The root of a document.

    Raises:
        UnreadableXmlError: it is too large, malformed, or declares a document type or an entity.
    """
    if len(data) > max_bytes:
        raise UnreadableXmlError(f"{len(data)} bytes of XML; at most {max_bytes} are read")
    try:
        root: Element = fromstring(data, forbid_dtd=True)
    except DefusedXmlException as error:
        raise UnreadableXmlError(
            f"a document type or an entity is declared, which is refused: {error}"
        ) from error
    except (ParseError, ValueError, LookupError) as error:
        raise UnreadableXmlError(f"no well-formed XML: {error}") from error
    return root


def xml_fault(data: bytes) -> str | None:
    """Why a document is not well-formed, or None; no tree is built and nothing is fetched.

    A document type may be named, as MusicXML does; an entity may not be declared.
    """
    parser = expat.ParserCreate()
    declared: list[str] = []

    def declare(name: str, *_rest: object) -> None:
        declared.append(name)

    parser.EntityDeclHandler = declare
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        return f"no well-formed XML: {expat.errors.messages[error.code]} in line {error.lineno}"
    except (ValueError, LookupError) as error:
        return f"no well-formed XML: {error}"
    return f"an entity is declared, which is refused: {declared[0]}" if declared else None


def local_name(element: Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]
