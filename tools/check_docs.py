"""`make docs`: links lead somewhere; every setting, fact and command stands in the documents; tables are drawn anew.

Writes the generated parts of docs/settings.md, docs/cli.md and docs/machines.md, and docs/law/ from the law table
(law_docs.py), and fails when that changed anything, so that a change of a table comes with its document.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import typer
from typer.main import get_command

import law_docs
from overt.config import REQUIRED, SECTIONS, SETTINGS
from overt.domain.access import EVERYBODYS, OWN, PURPOSES, RIGHTS
from overt.domain.book_fields import field_rows
from overt.domain.call import PHASES
from overt.domain.consent import STANDINGS
from overt.domain.facts import KINDS
from overt.domain.foresight import OUTCOMES
from overt.domain.hindsight import ANSWERS
from overt.domain.rehearsal import CHANGES
from overt.faces.cli.root import app

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
LINK = re.compile(r"\]\(([^)#]+?)(?:#[^)]*)?\)")


def settings() -> str:
    """The table of settings."""
    rows = ["| setting | kind | default | meaning |", "| --- | --- | --- | --- |"]
    for name, one in SETTINGS.items():
        default = "**must be set**" if one.default is REQUIRED else f"`{one.default!r}`"
        choices = f" One of: {', '.join(one.choices)}." if one.choices else ""
        rows.append(f"| `{name}` | {one.kind.__name__} | {default} | {one.meaning}{choices} |")
    for name, kind in SECTIONS.items():
        rows += ["", f"### `[[{name}]]`", "", inspect.cleandoc(kind.__doc__ or ""), ""]
        rows += [f"- `{field}`" for field in kind.__dataclass_fields__]
    return "\n".join(rows)


def commands() -> str:
    """Every command with its help."""
    rows: list[str] = []

    def walk(command: object, name: str) -> None:
        subcommands = getattr(command, "commands", None)
        if subcommands:
            for word, one in subcommands.items():
                walk(one, f"{name} {word}")
            return
        rows.extend([f"### `{name}`", "", (getattr(command, "help", "") or "").strip(), ""])
        for parameter in getattr(command, "params", []):
            words = ", ".join(parameter.opts) if parameter.opts else parameter.name
            help_text = getattr(parameter, "help", "") or ""
            rows.append(f"- `{words}` {help_text}".rstrip())
        rows.append("")

    walk(get_command(app), "overt")
    return "\n".join(rows).rstrip()


def facts() -> str:
    """Every kind of fact."""
    rows = ["| kind | meaning | opens | body |", "| --- | --- | --- | --- |"]
    for name, kind in KINDS.items():
        rows.append(f"| `{name}` | {kind.meaning} | {'yes' if kind.opens else ''} | {', '.join(kind.fields)} |")
    return "\n".join(rows)


def machines() -> str:
    """The two machines, drawn from their tables."""
    rows = ["```mermaid", "stateDiagram-v2"]
    for phase, steps in PHASES.items():
        rows += [f"    {phase} --> {after}: {event.__name__}" for event, after in steps.items()]
    rows += ["```", "", "| a party who stands | when | stands then |", "| --- | --- | --- |"]
    rows += [f"| {before} | {what} | {after} |" for (before, what), after in STANDINGS.items()]
    return "\n".join(rows)


def rights() -> str:
    """Who may what."""
    roles = list(RIGHTS["call"])
    rows = [f"| | {' | '.join(roles)} |", "| --- |" + " --- |" * len(roles)]
    for kind, held in RIGHTS.items():
        own = OWN & held.keys() if kind not in EVERYBODYS else frozenset()
        cells = [", ".join(sorted(held.get(role, ()))) + (" (own)" if role in own else "") for role in roles]
        rows.append(f"| **{kind}** | {' | '.join(cells)} |")
    rows += ["", "| purpose | counts |", "| --- | --- |"]
    rows += [f"| `{one}` | {_COUNTS[kind]} |" for one, kind in PURPOSES.items()]
    return "\n".join(rows)


def book_fields() -> str:
    """Every field of a policy book, a table a section."""
    rows, section = ["At the head of the book:"], ""
    head = ["", "| field | kind | preset | lock | meaning |", "| --- | --- | --- | --- | --- |"]
    rows += head
    for one in field_rows():
        if one.section != section:
            section = one.section
            rows += ["", f"### `{section}`", *head]
        preset = f"`{one.preset}`" if one.preset else ""
        rows.append(f"| `{one.name}` | {one.kind} | {preset} | {'yes' if one.lockable else ''} | {one.meaning} |")
    return "\n".join(rows)


def outcomes() -> str:
    """What a rehearsal makes of what callers did."""
    words = {"whole": "recorded", "part": "recorded in part", "no": "not recorded", "unknown": "**cannot be known**"}
    rows = ["| the caller then | if they would be asked now | if they would be told alone now |", "| --- | --- | --- |"]
    for answer, meaning in ANSWERS.items():
        cells = (f"{words[one.recorded]}: {one.why}" for one in (OUTCOMES[answer, "ask"], OUTCOMES[answer, "announce"]))
        rows.append(f"| {meaning} | {' | '.join(cells)} |")
    rows += ["", "What may change in a call:", "", "| change | a call that is |", "| --- | --- |"]
    rows += [f"| {name} | {one.meaning} |" for name, one in CHANGES.items()]
    return "\n".join(rows)


_COUNTS = {"told": "when the caller was told it", "compelled": "with the document that compels it"}
GENERATED = {
    "settings.md": settings, "cli.md": commands, "facts.md": facts, "machines.md": machines, "console.md": rights,
    "formats/policy-book.md": book_fields, "policies-rehearsing.md": outcomes,
}  # fmt: skip


def rewrite(name: str, content: str) -> bool:
    """Put content between the marks of a document; True when that changed it."""
    path = DOCS / name
    text = path.read_text()
    head, mark, rest = text.partition("<!-- generated -->\n")
    _, end, tail = rest.partition("<!-- end -->")
    if not mark or not end:
        raise SystemExit(f"{path}: the marks for its generated part are missing")
    new = f"{head}{mark}{content}\n{end}{tail}"
    if new != text:
        path.write_text(new)
    return new != text


def broken_links() -> Iterable[str]:
    """Links in our documents that lead nowhere."""
    for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *DOCS.rglob("*.md")]:
        for target in LINK.findall(path.read_text()):
            if not re.match(r"[a-z]+:", target) and not (path.parent / target).exists():
                yield f"{path.relative_to(ROOT)}: {target} leads nowhere"


def _of_the_law(changed: list[str]) -> Iterable[str]:
    """The law's pages that were not up to date: every page carries the table's hash, so that mostly all change or none."""
    if changed:
        named = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
        yield f"docs/law: {named} were not up to date; they are now: commit them"


def main() -> int:
    """Check and rewrite. Return the exit code."""
    wrong = list(_of_the_law(law_docs.write(DOCS / "law")))
    wrong += broken_links()
    for name, make in GENERATED.items():
        if rewrite(name, make()):
            wrong.append(f"docs/{name} was not up to date; it is now: commit it")
    for one in wrong:
        print(one, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    typer.echo("checking documents", err=True)
    raise SystemExit(main())
