"""The codes of the law table in words: one place for the pages, the commands and the console."""

from __future__ import annotations

from collections.abc import Mapping

RULE_WORDS: Mapping[str, str] = {
    "one-party": "one party's consent is enough",
    "all-party": "everybody's consent is needed",
    "contested": "the law itself is unsettled",
}
FORM_WORDS: Mapping[str, str] = {
    "none": "nothing: nobody else need be told",
    "recording_tone": "at least a tone that is heard while recording",
    "notice_then_continue": "a notice at the outset, after which everybody stays",
    "express_opt_in": "an express yes",
}
SHORT_FORMS: Mapping[str, str] = {
    "none": "one party", "recording_tone": "tone", "notice_then_continue": "notice", "express_opt_in": "opt-in",
}  # fmt: skip
SURE_WORDS: Mapping[str, str] = {
    "yes": "accepted, by text or case",
    "likely": "accepted in practice; no authority was read that says so",
    "unclear": "not to be relied on",
    "no": "rejected",
    "not_needed": "not needed",
}
FORM_NAMES: Mapping[str, str] = {
    "express_opt_in": "Express opt-in",
    "notice_then_continue": "Notice, then going on",
    "recording_tone": "Recording tone alone",
}
NOTICE_BASES: Mapping[str, str] = {
    "none": "no law",
    "law": "the law on recording itself",
    "civil_or_data_protection_law": "civil or data-protection law",
    "overlay_or_federal_rule": "a law that stands over this one",
    "default_strict": "no text that was read; held strict",
}
NOTICE_TIMES: Mapping[str, str] = {
    "not_required": "not required",
    "before_or_at_start": "before, or at the start of, what is kept",
}
ON_RECORDING: Mapping[str, str] = {
    "yes": "yes, by law",
    "best_practice": "not by law; it is the proof that notice was given",
    "no": "no",
}
REACHES: Mapping[str, str] = {
    "yes": "yes", "likely": "likely", "contested": "courts disagree", "unclear": "unclear", "no": "no",
}  # fmt: skip
RELAXES: Mapping[str, str] = {
    "one-party": "one-party",
    "notice_then_continue": "all-party by a notice, after which everybody stays",
}
SUPPORTS: Mapping[str, str] = {
    "primary": "a statute, a judgment or an official paper (in excerpts)",
    "secondary": "a careful summary",
    "list": "lists of places only",
    "weak": "a weak source",
    "own": "no source that was found",
}
WEIGHTS: Mapping[str, str] = {
    "primary": "statute, judgment, official paper", "secondary": "careful summary", "list": "list of places",
    "weak": "not to be relied on alone",
}  # fmt: skip
KINDS: Mapping[str, str] = {
    "federal": "federal law", "state": "state", "district": "district", "territory": "territory", "country": "country",
    "subdivision": "part of a country", "bloc": "bloc of countries",
}  # fmt: skip
GIVEN: Mapping[str, str] = {
    "none": "nobody gives notice",
    "announcement": "it is announced at the outset",
    "tone": "a tone is heard",
    "before": "notice was given earlier, outside the call",
}
RESPONSES: Mapping[str, str] = {
    "unaware": "the others do not know",
    "continues": "everybody stays",
    "agrees": "everybody agrees expressly",
    "refuses": "somebody objects",
}
EFFECT_WORDS: Mapping[str, str] = {
    "permit": "may be done, with obligations",
    "deny": "may not be done",
    "indeterminate": "cannot be decided by rule: a person must",
}
WILL_WORDS: Mapping[str, str] = {
    "announce": "tell everybody, and begin when they stay",
    "ask": "tell everybody, ask, and begin only after a yes",
    "none": "do nothing of the kind",
}
PROFILES: Mapping[str, str] = {
    "standard": "a form of consent counts where it is accepted by text or case, or in practice",
    "strict": "a form of consent counts only where it is accepted by text or case",
}


def days(count: int) -> str:
    """Days in words, and roughly the years where they are some."""
    years = round(count / 365.25, 1)
    roughly = f", about {years:g} years" if years >= 2 else ""
    return f"{count} {'day' if count == 1 else 'days'}{roughly}"


def capital(text: str) -> str:
    """The text with its first letter large."""
    return text[:1].upper() + text[1:]
