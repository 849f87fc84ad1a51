"""The vectors open with a reader written from the document alone, and with ours; regenerate: run this file.

PYTHONPATH=src python tests/vault/test_vault_vectors.py
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from overt.vault.format import read_records
from overt.vault.header import Header
from overt.vault.keys import OpeningKey, data_key
from overt.vault.seal import Sealer
from overt.vault.track import Gap, Run, Sent, encode_gap, encode_run, encode_sent, read_parts
from overt.vault.unseal import AuthenticatedEnd, unseal

VECTORS = Path(__file__).parent / "vectors" / "sealed-recording-1.json"


def stranger(vector: dict[str, Any]) -> tuple[list[tuple[int, int, str]], str]:
    """Open the vector's file using nothing of ours: docs/formats/sealed-recording.md, steps 1 to 6."""
    stored, seed = bytes.fromhex(vector["file"]), bytes.fromhex(vector["opening_key"])
    private = MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(seed[:64]), X25519PrivateKey.from_private_bytes(seed[64:])
    )
    suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    head, opened, cipher, offset = bytes(32), [], None, 0
    while offset < len(stored):
        assert stored[offset : offset + 3] == b"OV\x01"
        tenant_size, track = stored[offset + 4], stored[offset + 21]
        index = int.from_bytes(stored[offset + 22 : offset + 26], "big")
        size = int.from_bytes(stored[offset + 26 : offset + 30], "big")
        body_at = offset + 30 + tenant_size
        prefix, body = stored[offset:body_at], stored[body_at : body_at + size]
        if cipher is None:
            told = json.loads(body)
            bound = "\0".join((told["tenant"], told["recording"], told["key_id"])).encode()
            secret = suite.decrypt(bytes.fromhex(told["file_secret"]), private, info=b"overt file secret v1\0" + bound)
            info = b"overt data key v1\0" + "\0".join((told["tenant"], told["recording"])).encode()
            erasure = bytes.fromhex(vector["erasure_secret"])
            cipher = AESGCM(HKDF(hashes.SHA256(), 32, salt=erasure, info=info).derive(secret))
        else:
            plain = cipher.decrypt(index.to_bytes(12, "big"), body, head + prefix)
            opened.append((track, index, plain.hex()))
        head = hashlib.sha256(head + prefix + body).digest()
        offset = body_at + size
    return opened, head.hex()


def test_a_stranger_can_read_the_vector() -> None:
    vector = json.loads(VECTORS.read_text())
    opened, head = stranger(vector)
    assert [list(one) for one in opened] == vector["chunks"]
    assert head == vector["head"]


def test_we_read_the_vector() -> None:
    vector = json.loads(VECTORS.read_text())
    key = OpeningKey(bytes.fromhex(vector["opening_key"]))
    assert key.public.key_id == vector["key_id"]
    secrets = bytes.fromhex(vector["file_secret"]), bytes.fromhex(vector["erasure_secret"])
    assert data_key(*secrets, vector["tenant"], vector["recording"]).hex() == vector["data_key"]
    end = AuthenticatedEnd(len(vector["chunks"]) + 1, vector["head"])
    records = list(read_records(bytes.fromhex(vector["file"])))
    opened = list(unseal(records, key, secrets[1], end))
    assert [[one.track, one.index, one.plaintext.hex()] for one in opened] == vector["chunks"]
    parts = [part for one in opened if not one.last for part in read_parts(one.plaintext)]
    assert [repr(part) for part in parts] == vector["parts"]


def generate() -> dict[str, Any]:
    """Make the vector anew. Its HPKE share is fresh each time, everything else is fixed."""
    recording, file_secret, erasure = "0193568a-0000-7000-8000-000000000001", b"\x0f" * 32, b"\x0e" * 32
    key = OpeningKey(bytes(range(96)))
    call, episode = "0193568a-0000-7000-8000-00000000000c", "0193568a-0000-7000-8000-00000000000e"
    header = Header("main", recording, call, episode, 1_790_000_000_000_000, 5_000_000_000, 12)
    sealer = Sealer(header, key.public, file_secret, erasure)
    contents = [
        (3, encode_sent(Sent(1, 4_980_000_000, "en/announce", b"\x7f" * 160))),
        (1, encode_run(Run(0, 65535, 4_294_967_200, 5_000_000_000, 4, 4, b"\xff\x7f\x00\x80" * 2))),
        (1, encode_gap(Gap(5_040_000_000, 6_000_000_000, "hold"))),
        (2, encode_run(Run(8, 7, 160, 5_010_000_000, 4, 4, b"\xd5\x55\x00\x80"))),
    ]
    stored = sealer.header_record + b"".join(sealer.seal(track, plain) for track, plain in contents)
    manifest = {"reason": "hung up", "tracks": {"1": {"packets": 2}, "2": {"packets": 1}}}
    stored += sealer.finish(manifest)
    end = AuthenticatedEnd(sealer.chunks, sealer.head.hex())
    opened = list(unseal(list(read_records(stored)), key, erasure, end))
    return {
        "opening_key": key.raw.hex(),
        "key_id": key.public.key_id,
        "tenant": "main",
        "recording": recording,
        "file_secret": file_secret.hex(),
        "erasure_secret": erasure.hex(),
        "data_key": data_key(file_secret, erasure, "main", recording).hex(),
        "chunks": [[one.track, one.index, one.plaintext.hex()] for one in opened],
        "parts": [repr(part) for one in opened if not one.last for part in read_parts(one.plaintext)],
        "head": end.head,
        "file": stored.hex(),
    }


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(generate(), indent=1, ensure_ascii=False) + "\n")
