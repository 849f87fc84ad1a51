"""Who may do what to which recording, and for what purpose (P8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Role = Literal["administrator", "compliance", "supervisor", "agent"]
Action = Literal["list", "show", "play", "export"]

# role → the actions that it may ever do. Administrators run the machine; hearing is for those who answer for calls.
ROLES: Mapping[str, frozenset[str]] = {
    "administrator": frozenset({"list", "show", "play", "export"}),
    "compliance": frozenset({"list", "show", "play", "export"}),
    "supervisor": frozenset({"list", "show", "play"}),
    "agent": frozenset({"list"}),
}
# purpose → whether it is *told* (said to the caller in the announcement) or *compelled* (needs its document).
PURPOSES: Mapping[str, Literal["told", "compelled"]] = {
    "quality": "told",
    "training": "told",
    "order": "compelled",
    "claim": "compelled",
    "subject-request": "compelled",
    "crime": "compelled",
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody with an account: its name, its role, the operating-system user that it is bound to."""

    name: str
    role: str
    uid: int


@dataclass(frozen=True, slots=True)
class Denied:
    """A refusal, with a reason that says what to do."""

    reason: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """A permission, and what it rests on."""

    actor: Actor
    action: str
    purpose: str
    document: str


def may(actor: Actor, action: str, *, purpose: str, told: str, document: str = "") -> Allowed | Denied:
    """Return whether an actor may do something to a recording whose caller was told the purposes `told`.

    A purpose counts when the caller was told it, or when it is compelled and comes with its document.
    """
    if action not in ROLES.get(actor.role, frozenset()):
        return Denied(f"the role {actor.role} may not {action} recordings")
    kind = PURPOSES.get(purpose)
    if kind is None:
        return Denied(f"unknown purpose {purpose}: one of {', '.join(PURPOSES)}")
    if kind == "told" and purpose not in told:
        return Denied(f"the caller was told «{told}», not {purpose}")
    if kind == "compelled" and not document:
        return Denied(f"the purpose {purpose} needs --document, naming the paper that compels it")
    return Allowed(actor, action, purpose, document)
