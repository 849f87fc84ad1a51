"""`overt init`: a data folder with fresh keys and settings that say what they mean."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from overt.adapters import key_files, vault_keys
from overt.config import FILE, Settings, SettingsRefused, parse_settings

FOLDERS = ("keys", "run", "ledger", "spool", "recordings", "registers", "prompts")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person who runs `init` decides."""

    failure: str
    account: str
    recorder_place: str = ""
    served: tuple[str, ...] = ()
    more: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: the ledger's public key, the opener's key id, the settings."""

    vkey: str
    key_id: str
    settings: Settings


def make_folder(folder: Path, wishes: Wishes) -> Made:
    """Make a data folder. Raises SettingsRefused when there is one already, or a wish cannot be."""
    if (folder / FILE).exists() or (folder / "keys").exists():
        raise SettingsRefused(f"{folder} is a data folder already; nothing was changed")
    text = settings_text(wishes)
    settings = parse_settings(text)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name in FOLDERS:
        (folder / name).mkdir(mode=0o700, exist_ok=True)
    verifier = key_files.generate(folder, settings.tenant)
    wrapping = vault_keys.generate(folder / "keys")
    handle = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(text)
    return Made(verifier.text, wrapping.key_id, settings)


def settings_text(wishes: Wishes) -> str:
    """The settings file that `init` writes."""
    return f"""# Overt's settings. docs/settings.md says what each means.
failure = "{wishes.failure}"
recorder_place = "{wishes.recorder_place}"
served = [{_quoted(wishes.served)}]
{wishes.more or EXAMPLES}
[[account]]
name = "{wishes.account}"
uid = {os.getuid()}
role = "administrator"
"""


def _quoted(texts: Sequence[str]) -> str:
    return ", ".join(f'"{text}"' for text in texts)


EXAMPLES = """
# Who may call: the addresses of your trunk, PBX or SBC.
# [[trunk]]
# name = "carrier"
# addresses = ["192.0.2.10"]

# A recording client (SIPREC) that sends copies of its calls; or `overt clients add`, while Overt runs. docs/clients.md
# [[client]]
# name = "sbc"
# address = ["192.0.2.11"]
# attest = ["recording"]   # what its operator does before a call reaches us, signed for by a named person:
# by = "Dana Wu"
# why = "contract 7: the SBC announces and takes a yes"

# A line: which numbers are called, where the agent is rung, how callers are told.
# [[line]]
# name = "support"
# numbers = ["+14045550100"]
# agent = "sip:agent@192.0.2.20:5060"
# agent_place = "US-GA"
# agent_notice_on_file = "2026-11-01"
# telling = "ask"          # or "announce", with chosen_by = "a named person"
"""
