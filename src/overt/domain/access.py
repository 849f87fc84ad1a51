"""Who may do what to what, and for what purpose (P8). `RIGHTS` is the whole table; `may` reads it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Role = Literal["administrator", "compliance", "supervisor", "agent", "program"]
Action = Literal["list", "show", "play", "export", "watch", "prove", "rehearse", "publish", "change", "consent"]

_ALL = frozenset({"list", "show"})
_HEAR = _ALL | {"play"}
# Who may rehearse could find out numbers, by asking what a book would do to each: whoever may publish, no others.
# kind of resource → role → the actions that it may ever do. An agent's are for their own calls only (`OWN`).
RIGHTS: Mapping[str, Mapping[str, frozenset[str]]] = {
    "recording": {
        "administrator": _HEAR | {"export"}, "compliance": _HEAR | {"export"}, "supervisor": _HEAR,
        "agent": frozenset({"list"}), "program": frozenset(),
    },
    # A program, a bot that asks callers say, states what they answered, and learns nothing else of anybody.
    "call": {
        "administrator": _ALL | {"consent"}, "compliance": _ALL | {"consent"}, "supervisor": _ALL, "agent": _ALL,
        "program": frozenset({"consent"}),
    },
    "live": {role: frozenset({"watch"}) for role in ("administrator", "compliance", "supervisor")},
    "ledger": {role: frozenset({"show", "prove"}) for role in ("administrator", "compliance", "supervisor")},
    "system": {role: frozenset({"show"}) for role in ("administrator", "compliance")},
    "law": {role: frozenset({"show"}) for role in ("administrator", "compliance", "supervisor", "agent")},
    "policy": {
        "administrator": frozenset({"show", "rehearse", "publish"}),
        "compliance": frozenset({"show", "rehearse", "publish"}), "supervisor": frozenset({"show"}),
    },
    "client": {
        "administrator": frozenset({"show", "change"}), "compliance": frozenset({"show", "change"}),
        "supervisor": frozenset({"show"}),
    },
}  # fmt: skip
ROLES = RIGHTS["recording"]
OWN = frozenset({"agent"})  # roles that reach only what is their own
EVERYBODYS = frozenset({"law"})  # kinds of which nothing is anybody's own
HEARS = frozenset({"play", "export"})  # actions by which somebody hears: they need a purpose
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
    """Somebody with an account: its name, its role; the operating-system user that it is bound to, −1 for none.

    `agent` is the SIP address at which somebody of the role *agent* is called: it says which calls are their own.
    """

    name: str
    role: str
    uid: int = -1
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """What somebody wants to reach: a kind of `RIGHTS`; for a call or recording, the agent whose call it was.

    `told` are the purposes that the caller of a recording was told; `listeners` the roles that may hear it by the
    `policy` that ruled its call, None where no policy says: then all whose role may.
    """

    kind: str
    agent: str = ""
    told: str = ""
    listeners: tuple[str, ...] | None = None
    policy: str = ""


RECORDING = Resource("recording")


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


def may(
    actor: Actor, action: str, resource: Resource = RECORDING, *, purpose: str = "", told: str = "", document: str = ""
) -> Allowed | Denied:
    """Return whether an actor may do something to a resource. To hear a recording takes a purpose.

    A purpose counts when the caller was told it (`told`, or the resource's), or when it is compelled and comes with
    its document. Whatever for, only the resource's listeners hear. An agent reaches their own calls only; to list, the
    catalogue is searched for theirs alone.
    """
    if action not in RIGHTS.get(resource.kind, {}).get(actor.role, frozenset()):
        return Denied(f"the role {actor.role} may not {action} {_PLURALS.get(resource.kind, resource.kind)}")
    if actor.role in OWN and not _own(actor, action, resource):
        return Denied("an agent sees their own calls only")
    if action not in HEARS:
        return Allowed(actor, action, purpose, document)
    if resource.listeners is not None and actor.role not in resource.listeners:
        whom = f"only {' and '.join(resource.listeners)}" if resource.listeners else "nobody"
        return Denied(f"{_ruling(resource.policy)} lets {whom} hear it, not the role {actor.role}")
    wrong = _purpose_wrong(purpose, told or resource.told, document)
    return Denied(wrong) if wrong else Allowed(actor, action, purpose, document)


def offered_purposes(told: str) -> tuple[str, ...]:
    """The purposes for which a recording may be heard, when the caller was told `told`; the compelled ones always."""
    return tuple(one for one, kind in PURPOSES.items() if kind == "compelled" or _is_said(one, told))


def _own(actor: Actor, action: str, resource: Resource) -> bool:
    return action == "list" or resource.kind in EVERYBODYS or (bool(actor.agent) and resource.agent == actor.agent)


def _ruling(policy: str) -> str:
    return f"the policy «{policy}» of this call" if policy else "the policy of this call"


def _purpose_wrong(purpose: str, told: str, document: str) -> str:
    """Why a purpose does not count; empty when it does."""
    kind = PURPOSES.get(purpose)
    if kind is None:
        return f"unknown purpose {purpose}: one of {', '.join(PURPOSES)}"
    if kind == "told" and not _is_said(purpose, told):
        return f"the caller was told «{told}», not {purpose}"
    if kind == "compelled" and not any(one.isalnum() for one in document):
        return f"the purpose {purpose} needs --document, naming the paper that compels it"
    return ""


def _is_said(purpose: str, told: str) -> bool:
    """Whether a purpose is a word of what was told: «equality» tells nobody of quality."""
    return purpose in re.findall(r"[\w-]+", told.lower())


_PLURALS: Mapping[str, str] = {
    "recording": "recordings", "call": "calls", "live": "calls in progress", "ledger": "the ledger",
    "system": "the system page", "law": "the law", "policy": "policies", "client": "clients",
}  # fmt: skip
