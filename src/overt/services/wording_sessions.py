"""The sentences for what happens beside a call: what a recording client said of it, and what others stated (SIPREC)."""

from __future__ import annotations

from overt.services.auditing import Stated
from overt.services.wording_types import Names, Worded


def described(entry: Stated, _: Names) -> Worded:
    """What a recording client said of its call."""
    body, people = entry.body, entry.body["people"]
    named = f"names {people} {'person' if people == 1 else 'people'} on the call"
    if not body["dialect"]:
        named = "says nothing of the call, so that nobody on it is known"
    mixed = ", whose voices are mixed in one line" if body["mixed"] else ""
    evidence = [("unclear", str(one)) for one in body["remarks"]] + [("heard on", str(one)) for one in body["lines"]]
    evidence += (
        [("metadata", f"{body['dialect']}, {body['bytes']} bytes, SHA-256 {body['sha256'][:16]}…")]
        if body["dialect"]
        else []
    )
    return f"The recording client {named}{mixed}.", "plain" if body["dialect"] else "no", tuple(evidence)


def reclaimed(entry: Stated, _: Names) -> Worded:
    """The client failed over."""
    return f"The recording client came back in another dialog: {entry.body['how']}.", "plain", ()


def consent_said(entry: Stated, _: Names) -> Worded:
    """Somebody outside stated an answer."""
    body = entry.body
    evidence = (("purposes", ", ".join(body["purposes"])),) if body["purposes"] else ()
    return (
        f"{body['by']} stated that the {body['side']} said {body['answer']}: {body['how']}.".replace("..", "."),
        "good" if body["answer"] == "yes" else "no", evidence,
    )  # fmt: skip


def told_elsewhere(entry: Stated, _: Names) -> Worded | None:
    """The telling that somebody attests; None when it was ours."""
    body = entry.body
    if not body["told"] or not str(body["reason"]).startswith("attested"):
        return None
    return (
        f"The {body['side']} was told before the call reached us, as is {body['reason']}.".replace("..", "."),
        "good",
        (),
    )


def seconds_noted(entry: Stated, _: Names) -> Worded:
    """What was counted in each second."""
    rows = sum(len(entry.body[side]) for side in ("caller", "agent"))
    return f"What came in each second is kept, in {rows} {'row' if rows == 1 else 'rows'}.", "plain", ()


def joined(entry: Stated, _: Names) -> Worded:
    """Somebody is on the call: an agent who answered, or whom a recording client says so of."""
    how = str(entry.body["how"])
    return f"{_who(entry)} {'is on the call now: ' if how.startswith('the ') else ''}{how}.", "plain", ()


def left(entry: Stated, _: Names) -> Worded:
    """Somebody left the call."""
    return f"{_who(entry)} left: {entry.body['how']}.", "plain", ()


def _who(entry: Stated) -> str:
    side = entry.body["side"]
    return "Another person" if side == "another" else f"The {side}"
