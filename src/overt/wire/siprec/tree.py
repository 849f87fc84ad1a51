"""XML from strangers, read within limits: no document type, no entity, bounded in size, depth and count.

Nothing of a document type ever reaches the parser: expat goes on reading after a handler has refused, so the text is searched
first and the handlers are the second lock. Text is decoded here and given to expat as UTF-8, so that no document chooses a
codec. Prefixes are resolved here too: one that was never declared spoils a name, not the document.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import NoReturn
from xml.parsers import expat

from overt.wire.siprec.errors import BrokenMetadata, ForbiddenMetadata, Remark

LARGEST = 65_535  # bytes; real documents have two to four thousand
DEEPEST = 24
MOST_ELEMENTS = 4_000
_DECLARATION = re.compile(r"<!(?!--|\[CDATA\[)")
_LATIN = re.compile(rb"<\?xml[^>]{0,80}encoding\s*=\s*['\"](?:iso-8859-1|latin-?1|windows-1252)['\"]", re.IGNORECASE)
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]{1,7}|#x[0-9a-fA-F]{1,6});)")
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_XML_PREFIX = "http://www.w3.org/XML/1998/namespace"


def plain(name: str) -> str:
    """A name for comparing: `dataMode`, `data-mode` and `datamode` are one."""
    return name.lower().replace("-", "").replace("_", "")


@dataclass(frozen=True, slots=True)
class Element:
    """An element without its prefix; `text` is all text that stands directly in it, without white space around.

    What it says is not shown by `repr`: numbers and names stand there.
    """

    name: str
    namespace: str = ""
    attributes: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    text: str = field(default="", repr=False)
    children: tuple[Element, ...] = ()
    kind: str = field(default="", init=False, compare=False, repr=False)  # the name, for comparing

    def __post_init__(self) -> None:
        object.__setattr__(self, "kind", plain(self.name))

    def get(self, *names: str) -> str:
        """The first attribute of one of these names, in the order asked; in any case; empty when there is none."""
        if not self.attributes:
            return ""
        own = {plain(name.rpartition(":")[2]): value for name, value in reversed(self.attributes)}
        return next((own[plain(name)].strip() for name in names if own.get(plain(name), "").strip()), "")

    def all(self, *names: str) -> tuple[Element, ...]:
        """The children of one of these names, in any case."""
        wanted = {plain(name) for name in names}
        return tuple(child for child in self.children if child.kind in wanted)

    def said(self, *names: str) -> str:
        """The text of the first such child that has any."""
        return next((child.text for child in self.all(*names) if child.text), "")

    def leaves(self, path: str = "") -> Iterator[tuple[str, str]]:
        """Every text and attribute below, with the path to it: (`callType/origCall`, `…`), (`user@userID`, `…`)."""
        here = f"{path}/{self.name}" if path else self.name
        yield from ((f"{here}@{name}", value) for name, value in self.attributes if not name.startswith("xmlns"))
        if self.text:
            yield here, self.text
        for child in self.children:
            yield from child.leaves(here)


@dataclass(frozen=True, slots=True)
class Tree:
    """A document: its root with every child that was complete, and what was wrong with it."""

    root: Element
    remarks: tuple[Remark, ...] = ()


@dataclass(slots=True)
class _Open:
    """An element whose end has not come yet."""

    element: Element
    prefixes: dict[str, str]
    texts: list[str]
    children: list[Element]

    def closed(self) -> Element:
        return replace(self.element, text="".join(self.texts).strip(), children=tuple(self.children))


class _Collector:
    """Builds elements from expat's events."""

    def __init__(self) -> None:
        self.stack: list[_Open] = []
        self.root: Element | None = None
        self.count = 0
        self.unbound = False

    def start(self, name: str, listed: list[str]) -> None:
        self.count += 1
        if len(self.stack) >= DEEPEST or self.count > MOST_ELEMENTS:
            raise ForbiddenMetadata(
                f"The metadata nests deeper than {DEEPEST} elements or has more than {MOST_ELEMENTS}; it was not read."
            )
        attributes = tuple(zip(listed[::2], listed[1::2], strict=True))
        declared = {key.partition(":")[2]: value for key, value in attributes if key.partition(":")[0] == "xmlns"}
        above = self.stack[-1].prefixes if self.stack else {"": "", "xml": _XML_PREFIX}
        prefixes = {**above, **declared} if declared else above
        prefix, _, local = name.rpartition(":")
        self.unbound |= prefix not in prefixes
        self.stack.append(_Open(Element(local, prefixes.get(prefix, ""), attributes), prefixes, [], []))

    def text(self, text: str) -> None:
        self.stack[-1].texts.append(text)

    def end(self, _name: str) -> None:
        done = self.stack.pop().closed()
        if self.stack:
            self.stack[-1].children.append(done)
        else:
            self.root = done

    def best(self) -> Element | None:
        """The root; of a document that broke off, the root with what was complete in it."""
        return self.root or (self.stack[0].closed() if self.stack else None)


def _refuse(*_: object) -> NoReturn:
    raise ForbiddenMetadata(
        "The metadata has a document type or declares entities; neither is needed, and it was not read."
    )


def guarded_parser() -> expat.XMLParserType:
    """A parser that refuses document types and entities by its handlers (ForbiddenMetadata)."""
    parser = expat.ParserCreate("utf-8")
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    parser.buffer_text = True
    parser.ordered_attributes = True
    return parser


def read(original: bytes) -> Tree:
    """Read a document. Raises ForbiddenMetadata for attacks, BrokenMetadata when there is nothing to read in it."""
    if len(original) > LARGEST:
        raise BrokenMetadata(f"The metadata has {len(original)} bytes; at most {LARGEST} are read.", 513)
    text, remarks = _decoded(original)
    if _DECLARATION.search(text):
        _refuse()
    collector, fault = _attempt(text)
    repaired = _NOT_XML.sub("\ufffd", _BARE_AMPERSAND.sub("&amp;", text)) if fault else text
    if repaired != text:
        again, still = _attempt(repaired)
        if again.count > collector.count or not still:
            said = f"The metadata is not well-formed XML ({fault}): a bare «&» or a control character was read as text."
            collector, fault, remarks = again, still, [*remarks, Remark("bare-character", said)]
    root = collector.best()
    if root is None:
        raise BrokenMetadata(f"The metadata is not XML: {fault}.")
    if fault:
        said = f"The metadata is not well-formed XML: {fault}. Only what was complete before that was read."
        remarks.append(Remark("not-well-formed", said))
    if collector.unbound:
        remarks.append(Remark("unbound-prefix", "The metadata uses a namespace prefix that it does not declare."))
    return Tree(root, tuple(remarks))


def _attempt(text: str) -> tuple[_Collector, str]:
    """What could be collected, and the fault that ended it, empty for a whole document."""
    collector = _Collector()
    parser = guarded_parser()
    parser.StartElementHandler = collector.start
    parser.EndElementHandler = collector.end
    parser.CharacterDataHandler = collector.text
    skipped = len(text) - len(text.lstrip("\x00 \t\r\n\ufeff"))
    try:
        parser.Parse(text[skipped:].rstrip("\x00 \t\r\n").encode(), True)
    except expat.ExpatError as error:
        line = error.lineno + text[:skipped].count("\n")
        return collector, f"{expat.ErrorString(error.code)}, line {line}, column {error.offset + 1}"
    return collector, ""


def _decoded(original: bytes) -> tuple[str, list[Remark]]:
    wide = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16", b"<\x00": "utf-16-le", b"\x00<": "utf-16-be"}.get(
        original[:2]
    )
    if wide:
        return original.decode(wide, "replace"), []
    if _LATIN.search(original[:200]):
        return original.decode("cp1252", "replace"), []
    try:
        return original.decode("utf-8"), []
    except UnicodeDecodeError as error:
        said = f"The metadata is not UTF-8 (byte {error.start + 1}) and names no other encoding; it was read as ISO 8859-1."
        return original.decode("latin-1"), [Remark("not-utf-8", said)]
