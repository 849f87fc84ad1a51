"""What the domain refuses.

Refused                 the root: somebody asked for what may not be
├── PolicyRefused       a policy that may not be enabled
├── LawUnreadable       a row of the law table that is not whole; nothing is decided on it
└── NotPermitted        an actor may not do this to that resource for this purpose
"""

from __future__ import annotations


class Refused(Exception):
    """Root of the domain's refusals. The text says what to do."""


class PolicyRefused(Refused):
    """A policy that may not be enabled."""


class LawUnreadable(Refused):
    """A row of the law table that is not whole."""


class NotPermitted(Refused):
    """An actor may not do this to that resource for this purpose."""
