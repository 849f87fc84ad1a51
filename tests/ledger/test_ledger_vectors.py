"""The vectors of docs/formats/ledger.md, checked with the standard library alone, as a stranger would."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())


def test_a_stranger_comes_to_the_same() -> None:
    leaves = [hashlib.sha256(b"\0" + one.encode()).digest() for one in VECTORS["entries"]]
    assert [one.hex() for one in leaves] == VECTORS["leaves"]
    node = hashlib.sha256(b"\1" + leaves[0] + leaves[1]).digest()
    root = hashlib.sha256(b"\1" + node + leaves[2]).digest()
    assert root.hex() == VECTORS["root"]
    assert VECTORS["inclusion_of_1"] == [leaves[0].hex(), leaves[2].hex()]
    assert VECTORS["consistency_2_to_3"] == [leaves[2].hex()]
    text, _, signatures = VECTORS["checkpoint"].partition("\n\n")
    name, key_hash, encoded = VECTORS["vkey"].split("+", 2)
    raw, signature = base64.b64decode(encoded), base64.b64decode(signatures.split(" ")[2])
    assert signature[:4].hex() == key_hash == hashlib.sha256(name.encode() + b"\n" + raw).hexdigest()[:8]
    Ed25519PublicKey.from_public_bytes(raw[1:]).verify(signature[4:], (text + "\n").encode())
    assert text.split("\n") == [name, "3", base64.b64encode(root).decode()]
    committed = json.loads(VECTORS["entries"][0])["personal"]["from"]
    assert committed == hashlib.sha256(bytes.fromhex(VECTORS["salt"]) + VECTORS["value"].encode()).hexdigest()
