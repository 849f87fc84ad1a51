"""Key files: never overwritten, never read when others could have read them, never taken for each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from overt.adapters.vault_keys import (
    OPENING_FILE,
    WRAPPING_FILE,
    generate,
    read_opening_key,
    read_wrapping_key,
)
from overt.ports import Unavailable


def test_a_pair_is_made_once_and_read_back(tmp_path: Path) -> None:
    public = generate(tmp_path / "keys")
    assert read_wrapping_key(tmp_path / "keys") == public
    assert read_opening_key(tmp_path / "keys").public == public
    assert (tmp_path / "keys" / OPENING_FILE).stat().st_mode & 0o777 == 0o600
    assert public.key_id in (tmp_path / "keys" / WRAPPING_FILE).read_text()
    with pytest.raises(Unavailable, match="never overwritten"):
        generate(tmp_path / "keys")
    with pytest.raises(Unavailable, match="Not a directory"):
        generate(tmp_path / "keys" / OPENING_FILE / "x")


def test_what_is_no_key_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="overt init"):
        read_opening_key(tmp_path)
    public = generate(tmp_path)
    opening, wrapping = tmp_path / OPENING_FILE, tmp_path / WRAPPING_FILE
    opening.chmod(0o640)
    with pytest.raises(Unavailable, match="chmod 600"):
        read_opening_key(tmp_path)
    opening.chmod(0o600)
    good = opening.read_text()
    for text, why in (
        (wrapping.read_text(), "of the kind overt-wrapping"),
        ("gibberish", "is no key file"),
        (good.replace(public.key_id, "0" * 32), "and holds"),
        (f"overt-opening+{public.key_id}+AAAA\n", "no opening key"),
    ):
        opening.write_text(text)
        with pytest.raises(Unavailable, match=why):
            read_opening_key(tmp_path)
    for text, why in (
        (good, "of the kind overt-opening"),
        ("overt-wrapping+0000+AAAA\n", "and holds"),
        ("overt-wrapping+709e80c88487a2411e1ee4dfb9f22a86+AAAA\n", "no public key"),
    ):
        wrapping.write_text(text)
        with pytest.raises(Unavailable, match=why):
            read_wrapping_key(tmp_path)
