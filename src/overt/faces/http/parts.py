"""A form with a file in it (RFC 7578), read in memory and bounded: a file of ours is never put down on a disk in the clear."""

from __future__ import annotations

import re
from collections.abc import Mapping

from overt.faces.http.asking import Asked
from overt.faces.http.problems import BadRequest

MOST_PARTS = 32
_BOUNDARY = re.compile(r'boundary="?([\x21\x23-\x7e]{1,70})"?')
_NAME = re.compile(rb'content-disposition:\s*form-data\s*;[^\r\n]*?\bname="([^"\r\n]{1,80})"', re.IGNORECASE)


async def parts_of(request: Asked) -> Mapping[str, bytes]:
    """The fields and files of a form by name, each as it came. Raises BadRequest for what no form of ours sends."""
    found = _BOUNDARY.search(request.headers.get("content-type", ""))
    if found is None:
        raise BadRequest("The form cannot be read: it is no multipart/form-data.")
    return split_parts(await request.body(), found[1].encode())


def split_parts(body: bytes, boundary: bytes) -> Mapping[str, bytes]:
    """The parts of a body by name. Raises BadRequest."""
    pieces = (b"\r\n" + body).split(b"\r\n--" + boundary)
    if len(pieces) < 3 or len(pieces) > MOST_PARTS + 2 or not pieces[-1].startswith(b"--"):
        raise BadRequest("The form cannot be read: it is cut short, or has too many fields.")
    parts: dict[str, bytes] = {}
    for piece in pieces[1:-1]:
        head, blank, content = piece.partition(b"\r\n\r\n")
        name = _NAME.search(head) if blank else None
        if name is None:
            raise BadRequest("The form cannot be read: a part of it has no name.")
        parts.setdefault(name[1].decode(errors="replace"), content)
    return parts
