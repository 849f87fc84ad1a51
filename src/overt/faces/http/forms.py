"""What a page's form sends: fields by name, bounded, nothing of it kept after the request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from overt.faces.http.asking import Asked
from overt.faces.http.problems import BadRequest

MOST_FIELDS = 20_000
LONGEST_FIELD = 300


@dataclass(frozen=True, slots=True)
class Form:
    """Fields as they came: a name may come many times, and an empty field is there."""

    fields: Mapping[str, Sequence[str]] = field(repr=False)  # telephone numbers among them

    def text(self, name: str, default: str = "", most: int = LONGEST_FIELD) -> str:
        """A field's text, without spaces around it; the default when it did not come. Raises BadRequest when it is too long."""
        given = self.fields.get(name, (default,))[0].strip()
        if len(given) > most:
            raise BadRequest(f"«{name}» has at most {most} characters.")
        return given

    def raw(self, name: str, most: int) -> str:
        """A field's text with lines as files have them. Raises BadRequest when it is too long."""
        given = self.fields.get(name, ("",))[0]
        if len(given) > most:
            raise BadRequest(f"«{name}» has at most {most} characters.")
        return given.replace("\r\n", "\n")

    def many(self, name: str, most: int = LONGEST_FIELD) -> tuple[str, ...]:
        """Everything that came under a name, empty fields left out, each once. Raises BadRequest when one is too long."""
        found = dict.fromkeys(one.strip() for one in self.fields.get(name, ()))
        if any(len(one) > most for one in found):
            raise BadRequest(f"«{name}» has at most {most} characters.")
        return tuple(one for one in found if one)

    def listed(self, name: str, most: int = 4000) -> tuple[str, ...]:
        """What stands in one field with commas or spaces between. Raises BadRequest when it is too long."""
        return tuple(dict.fromkeys(self.text(name, most=most).replace(",", " ").split()))

    def ticked(self, name: str) -> bool:
        """True when a box is ticked."""
        return bool(self.fields.get(name))


async def form_of(request: Asked) -> Form:
    """Read a form's fields. Raises BadRequest for what no form of ours sends."""
    body = await request.body()
    try:
        fields = parse_qs(
            body.decode(), keep_blank_values=True, strict_parsing=False, max_num_fields=MOST_FIELDS, errors="strict"
        )
    except ValueError as error:
        raise BadRequest("The form cannot be read: it is not UTF-8, or has too many fields.") from error
    if any("\x00" in one for values in fields.values() for one in values):
        raise BadRequest("A form holds no NUL.")
    return Form(fields)
