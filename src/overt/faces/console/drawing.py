"""Drawing pages: Jinja2 with our filters, and what every page is given."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import MediaType, Response
from markupsafe import Markup, escape

from overt.domain.access import PURPOSES
from overt.domain.facts import KINDS
from overt.faces.console.assets import Asset
from overt.faces.http.asking import Asked, allowed, rooms_of
from overt.faces.http.problems import Problem
from overt.services.explaining import seconds
from overt.services.searching import STATES

# address, label, and what one must be allowed to do to see it in the menu
MENU = (("/calls", "Calls", "call", "list"), ("/live", "Live", "live", "watch"), ("/law", "Law", "law", "show"),
        ("/policies", "Policies", "policy", "show"), ("/clients", "Clients", "client", "show"), ("/accounting", "Accounting", "ledger", "show"), ("/ledger", "Ledger", "ledger", "show"),
        ("/alarms", "Alarms", "system", "show"), ("/system", "System", "system", "show"))  # fmt: skip
# a room's tone → what is said of it to those who do not see its colour
TONES: Mapping[str, str] = {"good": "(went well)", "no": "(a no)", "bad": "(went wrong)", "plain": ""}
LANGUAGES: Mapping[str, str] = {"en": "English", "es": "Spanish", "de": "German", "fr": "French", "pt": "Portuguese"}
MOST_COUNTED = 1000
_FIRST_FONTS = re.compile(r"-latin-(wght|opsz)-")  # not the extended ones, which most pages do without
_LEADING = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]+)?\b")  # a place's code
_CODE = re.compile(r"`([^`]+)`")


class Drawing:
    """Makes pages. `names` of places by code; `assets` are the built files by path."""

    def __init__(self, names: Mapping[str, str], assets: Mapping[str, Asset]) -> None:
        self._names, self._assets = names, assets
        self._jinja = Environment(
            loader=PackageLoader("overt.faces.console"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True,
        )  # fmt: skip
        self._jinja.filters |= {
            "iso": _iso, "day": _day, "clock": _clock, "length_of": seconds, "place": self._place,
            "places": self._places, "upto": _upto, "since": _since, "coded": _coded, "sentence": _sentence,
            "named": self._named, "language": lambda code: LANGUAGES.get(code, code),
        }  # fmt: skip
        self._jinja.globals |= {
            "menu": MENU, "meanings": STATES, "meaning": lambda kind: KINDS[kind].meaning, "asset": self._address,
            "first_fonts": [self._address(one) for one in sorted(assets) if _FIRST_FONTS.search(one)],
            "tones": TONES,
            "compelled": frozenset(one for one, kind in PURPOSES.items() if kind == "compelled"),
        }  # fmt: skip

    def page(self, request: Asked, template: str, status: int = 200, **given: Any) -> Response[str]:
        """A page for whoever asks."""
        signed = request.state.get("signed")
        actor = signed.account.actor if signed is not None else None
        shared = {
            "signed": signed,
            "here": "/" + request.url.path.strip("/").partition("/")[0],
            "front": rooms_of(request).front,
            "allowed": lambda kind, action: actor is not None and allowed(actor, kind, action),
        }
        shared["alarm_count"] = (
            len(rooms_of(request).observing.alarms()) if actor and allowed(actor, "system", "show") else 0
        )
        text = self._jinja.get_template(template).render(shared | given)
        return Response(text, media_type=MediaType.HTML, status_code=status)

    def fragment(self, template: str, **given: Any) -> str:
        """A piece of a page."""
        return self._jinja.get_template(template).render(given)

    def stranger(self, problem: Problem) -> bytes:
        """An error page for somebody whom the door did not let in."""
        return self._jinja.get_template("error.html").render(
            problem=problem, signed=None, here="", allowed=lambda *_: False, alarm_count=0
        ).encode()  # fmt: skip

    def _address(self, name: str) -> str:
        """A built file's address, which changes with its content."""
        asset = self._assets.get(name)
        return f"/static/{name}" + (f"?v={asset.tag[1:13]}" if asset is not None and "/" not in name else "")

    def _place(self, code: str) -> str:
        return self._names.get(code, code)

    def _named(self, text: str) -> str:
        """A sentence that begins with a place's code, with the name instead."""
        code = _LEADING.match(text)
        return self._place(code[0]) + text[len(code[0]) :] if code else text

    def _places(self, codes: Sequence[str]) -> str:
        """One place by its name, up to three by their codes, more by their count."""
        if len(codes) == 1:
            return self._place(codes[0])
        return ", ".join(codes) if len(codes) <= 3 else f"any of {len(codes)} places"


def _moment(us: int) -> datetime:
    return datetime.fromtimestamp(us / 1_000_000, UTC)


def _iso(us: int) -> str:
    return _moment(us).strftime("%Y-%m-%dT%H:%M:%SZ")


def _day(us: int) -> str:
    return f"{_moment(us):%-d %b %Y}"


def _clock(us: int, with_seconds: bool = True) -> str:
    return f"{_moment(us):%H:%M:%S}" if with_seconds else f"{_moment(us):%H:%M}"


def _since(us: int, start_us: int) -> str:
    """How long after a call's begin: `+7.7 s`."""
    past = max(0, us - start_us) // 1000
    return f"+{seconds(past)}"


def _coded(text: str) -> Markup:
    """Words in which `backquotes` mark what is typed."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))


def _sentence(text: str) -> str:
    """A refusal as a sentence of a page: with a capital, and a full stop."""
    return text[:1].upper() + text[1:] + ("" if not text or text.endswith((".", "?", "!")) else ".")


def _upto(count: int) -> str:
    return f"{count:,}" if count < MOST_COUNTED else f"{MOST_COUNTED - 1}+"
