"""An opinion of counsel on the terminal: the first purpose in full, the others by how they differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from overt.domain.law.decide import Decision
from overt.domain.law.demand import Owed
from overt.domain.law.duties import OBLIGATIONS
from overt.domain.law.page import NOT_ADVICE
from overt.domain.law.words import EFFECT_WORDS, FORM_WORDS, RULE_WORDS, WILL_WORDS, capital, days
from overt.domain.location import UNKNOWN, PartyPlaces
from overt.domain.ruling import Ruling
from overt.faces.cli.law_options import law_line
from overt.services.counsel import Answer, Opinion

MOST, MOST_RESTS = 10, 3  # grounds, places and citations that are named; --json has all
SPOKEN = {"telling": "Before anything is kept", "question": "Then", "cue": "When they join"}


def draw(opinion: Opinion, console: Console) -> None:
    """Print an opinion."""
    first, *others = opinion.answers
    _part(console, _headline(first), _gist(first))
    if opinion.ruling is not None:
        _part(console, "The policy that rules it", _policy(opinion))
    _part(console, "Where everyone may be", (_party(one) for one in opinion.locations.parties))
    _part(console, "Grounds, the strictest first", _grounds(first))
    _part(console, "What it obliges to", _owed(first.decision.owed))
    _part(
        console, "What would make it less strict", _bullets(first.decision.less_strict_if, "nothing that is known here")
    )
    _part(console, "What would be spoken", _spoken(first))
    for one in others:
        _part(console, _headline(one), _difference(first, one))
    law, reckoning = first.decision.law, opinion.reckoning
    console.print(f"\n{law_line(law.table, reckoning.on)}; profile {reckoning.profile}. {NOT_ADVICE}")


def _part(console: Console, title: str, rows: Iterable[tuple[str, str]]) -> None:
    lines = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    lines.add_column(no_wrap=True, style="dim")
    lines.add_column(overflow="fold")
    for label, text in rows:
        lines.add_row(escape(label), escape(text))
    console.print(f"\n[bold]{escape(title)}[/]")
    console.print(Padding(lines, (0, 0, 0, 2)))


def _headline(answer: Answer) -> str:
    one = answer.decision
    return f"{capital(one.purpose)}: {one.rule}; it takes {FORM_WORDS[one.form]}"


def _gist(answer: Answer) -> Iterable[tuple[str, str]]:
    one = answer.decision
    yield "rule", f"{one.rule}: {RULE_WORDS[one.rule]}"
    yield "the law allows", one.law_allows
    yield "Overt will", WILL_WORDS[one.will]
    if one.effect != "permit":
        yield "because", f"it {EFFECT_WORDS[one.effect]}: {one.why}"
    yield "made so by", _decisive(one)
    if one.effect == "permit":
        yield "kept", days(one.keep_days)
    if one.demand.tone_at_most_s:
        yield "a tone, if one is used", f"at least every {one.demand.tone_at_most_s} seconds"


def _policy(opinion: Opinion) -> Iterable[tuple[str, str]]:
    ruling = opinion.ruling
    assert ruling is not None
    if isinstance(ruling, Ruling):
        yield "policy", f"{ruling.policy.name}, for which {ruling.policy.responsible} answers"
    yield "why", ruling.why
    if isinstance(ruling, Ruling):
        for field, policy in ruling.locked_by:
            yield f"{field} is held by", policy
    if ruling.unrecorded_why:
        yield "not recorded", ruling.unrecorded_why


def _party(party: PartyPlaces) -> tuple[str, str]:
    named = [f"{one.place}: {one.why}" for one in party.candidates]
    if party.served:
        named.append(f"or any of {len(party.served)} places that the line serves")
    named += [f"{one.candidate.place} does not count: {one.by}" for one in party.set_aside]
    doubts = f" ({'; '.join(party.doubts)})" if party.doubts else ""
    return party.party, f"{'certain' if party.certain else f'not certain{doubts}'}\n" + "\n".join(named)


def _grounds(answer: Answer) -> Iterable[tuple[str, str]]:
    grounds = answer.decision.grounds
    for one in grounds[:MOST]:
        yield one.place, f"{one.rule}, {FORM_WORDS[one.form]} ({one.law}: {one.citation})\n{one.why}"
    if len(grounds) > MOST:
        yield "", f"and {len(grounds) - MOST} more; --json has all"


def _owed(owed: Sequence[Owed]) -> Iterable[tuple[str, str]]:
    """Each obligation once, with all that it rests on."""
    codes = dict.fromkeys(one.code for one in owed)
    for code in codes:
        rests = [one.citation.rstrip(".") for one in owed if one.code == code]
        more = f"; and {len(rests) - MOST_RESTS} more" if len(rests) > MOST_RESTS else ""
        yield "–", f"{capital(OBLIGATIONS[code])} ({'; '.join(rests[:MOST_RESTS])}{more})"
    if not codes:
        yield "–", "nothing: nothing is done"


def _spoken(answer: Answer) -> Iterable[tuple[str, str]]:
    for one in answer.spoken:
        yield f"to the {one.to}, {one.language}", f"{SPOKEN[one.when]}: «{one.text}»"
    for missing in answer.missing_prompts:
        yield "missing", f"there is no prompt {missing}, so nothing would be recorded"
    if not answer.spoken and not answer.missing_prompts:
        yield "–", "nothing: nothing is recorded"


def _difference(first: Answer, other: Answer) -> Iterable[tuple[str, str]]:
    """What is otherwise for another purpose."""
    one, base = other.decision, first.decision
    yield "Overt will", WILL_WORDS[one.will]
    if (one.rule, one.form) != (base.rule, base.form):
        yield "made so by", _decisive(one)
    more = [ground for ground in one.grounds if ground not in base.grounds][:MOST]
    yield from ((f"besides, {g.place}", f"{FORM_WORDS[g.form]} ({g.law}: {g.citation})") for g in more)
    if not more and (one.rule, one.form, one.will) == (base.rule, base.form, base.will):
        yield "grounds", f"as for {base.purpose}"


def _bullets(sentences: Sequence[str], otherwise: str) -> Iterable[tuple[str, str]]:
    return (("–", one) for one in sentences or (otherwise,))


def _decisive(decision: Decision) -> str:
    if decision.form == "none":
        return "no place asks for more"
    named = ["a party of whose place nothing is known" if one == UNKNOWN else one for one in decision.decisive]
    return ", ".join(named[:MOST]) + (f" and {len(named) - MOST} more" if len(named) > MOST else "")
