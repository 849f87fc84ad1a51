"""Small laws for tests: a table of a few places, of which each says one thing."""

from __future__ import annotations

from collections.abc import Mapping

from overt.domain.law.table import Table, parse_table

ON = "2026-11-24"
_ROW = """
code = "{code}"
name = "{name}"
kind = "{kind}"
within = "{within}"
rule = "{rule}"
effective_rule = "{effective}"
criminal_rule = "{effective}"
civil_rule = "{effective}"
citations = ["Law of {code}", "Second law of {code}"]
nuances = []
held_stricter = []
minors = "{minors}"
employee_notice = "{employee_notice}"
duties = {duties}
in_force_from = "{since}"
in_force_until = "{until}"
source_speaks_as_of = "2026"
verify_before_release = []
stands_for = {stands_for}

[contested]
law = {contested}
lists = false
note = ""
relaxes_to = "{relaxes_to}"

[forms]
express_opt_in = "{express}"
notice_then_continue = "{notice}"
recording_tone = "{tone}"

[notice]
required = true
basis = "law"
when = "before_or_at_start"
announcement_must_be_recorded = "{recorded}"
tone_interval_s = {interval}

[out_of_state_recorder]
covered = "unclear"
note = ""

[exposure]
criminal = ""
civil = ""
statutory_minimum = 0
currency = ""

[confidence]
rule = "high"
exposure = "high"

[support]
level = "primary"
sources = {sources}

[verified]
state = "{state}"
by = "{by}"
on = ""
against = ""
{more}
"""
_DUTY = """
code = "{code}"
name = "Duty {code}"
applies_to = "everybody"
everywhere = {everywhere}
when = "{when}"
purposes = {purposes}
obligations = {obligations}
form = "{form}"
keep_at_least_days = {least}
keep_at_most_days = {most}
yields_to = {yields_to}
citations = ["Duty {code}"]
duties = []
exposure = ""
in_force_from = "{since}"
in_force_until = "{until}"
source_speaks_as_of = ""
confidence = "high"
sources = []
verify_before_release = []

[verified]
state = "researched, not verified"
by = ""
on = ""
against = ""
"""
_BASIS = """
code = "{code}"
name = "Basis {code}"
applies_to = "firms"
kind = "must_record"
places = {places}
purposes = ["recording"]
accepts = "notice_then_continue"
document = "a paper"
refusal = "the call ends"
keep_at_least_days = {least}
citations = ["Basis {code}"]
notes = []
in_force_from = ""
in_force_until = "{until}"
source_speaks_as_of = ""
confidence = "high"
sources = []
verify_before_release = []

[verified]
state = "researched, not verified"
by = ""
on = ""
against = ""
"""


def one_party(code: str, **changes: object) -> str:
    """The file of a place where one party's consent is enough."""
    forms = {"express": "not_needed", "notice": "not_needed", "tone": "not_needed"}
    return place(code, rule="one-party", effective="one-party", **{**forms, **changes})


def place(code: str, **changes: object) -> str:
    """The file of a place; without changes everybody must consent, and a notice is not enough."""
    written: dict[str, object] = {
        "code": code, "name": f"Place {code}", "kind": "country", "within": "", "rule": "all-party",
        "effective": "all-party", "minors": "", "employee_notice": "", "duties": "[]", "since": "", "until": "",
        "stands_for": "[]", "contested": "false", "relaxes_to": "", "express": "yes", "notice": "no", "tone": "no",
        "recorded": "best_practice", "interval": 0, "sources": "[]", "state": "researched, not verified", "by": "", "more": "",
    }  # fmt: skip
    return _ROW.format(**{**written, **changes})


def duty(code: str, **changes: object) -> str:
    """The file of a duty; without changes it binds where a row names it, and obliges to nothing."""
    written: dict[str, object] = {
        "code": code, "everywhere": "false", "when": "", "purposes": '["recording"]', "obligations": "[]", "form": "none",
        "least": 0, "most": 0, "since": "", "until": "", "yields_to": "[]",
    }  # fmt: skip
    return _DUTY.format(**{**written, **changes})


def basis(code: str, **changes: object) -> str:
    """The file of a legal basis."""
    return _BASIS.format(**{"code": code, "places": "[]", "least": 0, "until": "", **changes})


def table(places: Mapping[str, str] | list[str], **more: str) -> Table:
    """A table of places (texts; their names are read from them) and further files by name, `duties__X` for duties/X."""
    texts = places.values() if isinstance(places, Mapping) else places
    files = {f"places/{text.split('code = ')[1].split(chr(34))[1]}": text for text in texts}
    return parse_table({**files, **{name.replace("__", "/"): text for name, text in more.items()}})
