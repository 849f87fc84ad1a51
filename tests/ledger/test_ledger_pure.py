"""P9: entries, tree, checkpoints and the verdict over them."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from overt.ledger.checkpoint import (
    Checkpoint,
    CheckpointBroken,
    VerifierKey,
    origin_of,
    read_unverified,
    sign,
    verify,
)
from overt.ledger.entry import Entry, EntryBroken, commitment, read_entry, write_entry
from overt.ledger.merkle import EMPTY_ROOT, Tree, consistent, included, leaf_hash
from overt.ledger.verify import first_difference, verify_ledger

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = KEY.public_key().public_bytes_raw()
ORIGIN = origin_of("main", PUBLIC)
VKEY = VerifierKey(ORIGIN, PUBLIC)
SALT = bytes(32)


def entry(number: int, **changed: object) -> Entry:
    """An entry like those of a real ledger."""
    fields: dict[str, object] = {
        "id": f"id-{number}", "tenant": "main", "kind": "call.offered", "at_us": number, "entered_us": number + 1,
        "call": "c", "body": {"line": "sales", "list": [1, "zwei", None, True, {"tief": []}]},
        "personal": {"from": commitment(SALT, "+1415")},
    }  # fmt: skip
    return Entry(**{**fields, **changed})  # type: ignore[arg-type]


LINES = [write_entry(entry(number)) for number in range(12)]
PERSONAL = {(number, "from"): (SALT, "+1415") for number in range(12)}


def note(size: int, lines: list[bytes] = LINES) -> str:
    """The signed checkpoint of the first entries."""
    return sign(Checkpoint(ORIGIN, size, Tree([leaf_hash(line) for line in lines]).root(size)), KEY)


@settings(max_examples=40)
@given(st.integers(1, 70), st.data())
def test_every_leaf_is_proven_and_every_size_consistent(size: int, draw: st.DataObject) -> None:
    leaves = [leaf_hash(bytes([number])) for number in range(size)]
    tree = Tree(leaves)
    index, old = draw.draw(st.integers(0, size - 1)), draw.draw(st.integers(1, size))
    path, proof = tree.inclusion(index), tree.consistency(old)
    assert included(leaves[index], index, size, path, tree.root())
    assert consistent(old, size, proof, tree.root(old), tree.root())
    for at in range(len(path)):
        assert not included(leaves[index], index, size, (*path[:at], bytes(32), *path[at + 1 :]), tree.root())
    assert not included(leaf_hash(b"other"), index, size, path, tree.root())
    assert not included(leaves[index], index, size, (*path, bytes(32)), tree.root())
    assert not included(leaves[index], size, size, path, tree.root())
    assert not consistent(old, size, proof, bytes(32), tree.root())
    assert not consistent(old, size, (*proof, bytes(32)), tree.root(old), tree.root())
    assert not consistent(size + 1, size, proof, tree.root(old), tree.root())
    if old < size:
        assert not consistent(old, size, proof[:-1], tree.root(old), tree.root())
        assert not consistent(old, size, (), tree.root(old), tree.root())


def test_an_empty_tree_and_questions_out_of_range() -> None:
    tree = Tree()
    assert tree.root() == EMPTY_ROOT
    with pytest.raises(IndexError):
        tree.inclusion(0)
    with pytest.raises(IndexError):
        tree.consistency(0)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=6), json_values, max_size=4))
def test_entries_come_back_as_they_were(body: dict[str, object]) -> None:
    one = entry(1, body=body)
    assert read_entry(write_entry(one)) == one


def test_an_entry_holds_no_floats_and_no_strangers() -> None:
    with pytest.raises(EntryBroken, match="floats"):
        write_entry(entry(1, body={"deep": [{"er": 1.5}]}))
    with pytest.raises(EntryBroken):
        write_entry(entry(1, body={"large": 2**60}))
    for line in (
        b"no json",
        b"[]",
        b"{}",
        b'{"v":2}',
        LINES[0].replace(b'"v":1', b'"v":1 '),
        LINES[0][:-1] + b',"x":1}',
    ):
        with pytest.raises(EntryBroken):
            read_entry(line)


def test_a_checkpoint_is_a_signed_note() -> None:
    signed = note(5)
    assert verify(signed, VKEY) == read_unverified(signed) and verify(signed, VKEY).size == 5
    assert VerifierKey.parse(VKEY.text) == VKEY
    other = VerifierKey("someone", PUBLIC)
    extra = signed + f"— {ORIGIN} \n"
    assert verify(extra, VKEY).size == 5
    for broken in (
        signed.replace("\n5\n", "\n6\n"), signed.replace("— ", "- "), "x", "a\nb\nc\n\n", "a\n1\n!\n\n",
        signed.partition("— ")[0], signed.rpartition(" ")[0] + " !!\n",
        signed.rpartition(" ")[0] + " " + base64.b64encode(b"abcd" + bytes(64)).decode() + "\n",
    ):  # fmt: skip
        with pytest.raises(CheckpointBroken):
            verify(broken, VKEY)
    with pytest.raises(CheckpointBroken):
        verify(signed, other)
    raw = base64.b64decode(signed.rpartition(" ")[2])
    relabelled = signed.rpartition(" ")[0] + " " + base64.b64encode(b"abcd" + raw[4:]).decode() + "\n"
    with pytest.raises(CheckpointBroken, match="no signature"):
        verify(relabelled, VKEY)
    for text in ("x", "a+b+!", f"n+00000000+{base64.b64encode(bytes([1]) + PUBLIC).decode()}", "n+00000000+AAAA"):
        with pytest.raises(CheckpointBroken):
            VerifierKey.parse(text)


def test_a_whole_ledger_verifies_and_says_what_is_not_proven() -> None:
    verdict = verify_ledger(LINES, note(12), VKEY, PERSONAL)
    assert verdict.verified and verdict.size == 12 and len(verdict.not_proven) == 2
    against = verify_ledger(LINES, note(12), VKEY, PERSONAL, [note(4), note(12)])
    assert against.verified and len(against.not_proven) == 1
    being_written = verify_ledger(LINES, note(10), VKEY, PERSONAL)
    assert being_written.verified and being_written.size == 10


@pytest.mark.parametrize(
    ("lines", "checkpoint", "complaint"),
    [
        ([*LINES[:3], LINES[3].replace(b"sales", b"salez"), *LINES[4:]], note(12), "not those that it signed"),
        ([*LINES[:3], b"{}", *LINES[4:]], note(12), "entry 3: not an entry"),
        ([*LINES[:3], *LINES[4:]], note(12), "1 of them are missing"),
        (LINES[:5], note(12), "7 of them are missing"),
        (LINES, note(12).replace("\n12\n", "\n11\n"), "signature"),
        (LINES, "", "not a checkpoint"),
    ],
)
def test_tampering_is_named(lines: list[bytes], checkpoint: str, complaint: str) -> None:
    verdict = verify_ledger(lines, checkpoint, VKEY, PERSONAL)
    assert not verdict.verified and any(complaint in one for one in verdict.wrong), verdict.wrong


def test_history_written_anew_is_caught_by_an_older_checkpoint() -> None:
    anew = [write_entry(entry(number, call="other")) for number in range(12)]
    verdict = verify_ledger(anew, note(12, anew), VKEY, PERSONAL, [note(7)])
    assert any(one.startswith("history was rewritten") for one in verdict.wrong)
    assert verify_ledger(anew, note(12, anew), VKEY, PERSONAL).verified  # alone it cannot be seen
    unreadable = verify_ledger(LINES, note(12), VKEY, PERSONAL, ["nonsense"])
    assert any("older checkpoint" in one for one in unreadable.wrong)


def test_personal_values_are_held_to_their_commitments() -> None:
    altered = {**PERSONAL, (2, "from"): (SALT, "+1999")}
    assert "entry 2" in verify_ledger(LINES, note(12), VKEY, altered).wrong[0]
    gone = {key: value for key, value in PERSONAL.items() if key[0] != 4}
    assert "no erasure was entered" in verify_ledger(LINES, note(12), VKEY, gone).wrong[0]
    erasure = write_entry(entry(12, kind="personal.erased", body={"entries": [4]}, personal={}))
    lines = [*LINES, erasure]
    assert verify_ledger(lines, note(13, lines), VKEY, gone).verified


def test_the_changed_entry_is_found_by_its_stored_hash() -> None:
    leaves = [leaf_hash(line) for line in LINES]
    assert first_difference(LINES, leaves) is None
    assert first_difference([*LINES[:6], b"x", *LINES[7:]], leaves) == 6
