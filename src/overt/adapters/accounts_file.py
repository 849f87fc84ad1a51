"""Accounts as the settings file names them: `[[account]]` with `name`, `role` and the `uid` each is bound to."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path

from overt.domain.access import ROLES, Actor
from overt.ports import Unavailable

NOBODY = 65534  # the kernel shows every account that a namespace does not know under this id: it is no one's


def read_accounts(settings: Path) -> Mapping[int, Actor]:
    """Return the accounts by user id. Raises Unavailable when the file or an account in it is not as it must be."""
    try:
        with settings.open("rb") as file:
            listed = tomllib.load(file).get("account", [])
    except OSError as error:
        raise Unavailable("settings", f"{error.strerror}: {settings}; `overt init` makes it", retry=False) from error
    except tomllib.TOMLDecodeError as error:
        raise Unavailable("settings", f"{settings}: {error}", retry=False) from error
    accounts: dict[int, Actor] = {}
    for one in listed if isinstance(listed, list) else [None]:
        actor = _account(one)
        if actor is None or actor.uid in accounts:
            why = f"{settings}: each [[account]] has a name, a role ({', '.join(ROLES)}) and a uid of its own"
            raise Unavailable("settings", why, retry=False)
        accounts[actor.uid] = actor
    return accounts


def _account(one: object) -> Actor | None:
    if not isinstance(one, Mapping):
        return None
    name, role, uid = one.get("name"), one.get("role"), one.get("uid")
    if not isinstance(name, str) or not name or role not in ROLES or type(uid) is not int or uid == NOBODY:
        return None
    return Actor(name, str(role), uid)
