"""Every address book keeps one contract: an address is on file or not, digits only hint, and a doubt is said (P3)."""

from __future__ import annotations

import pytest

from overt.adapters.memory import MemoryAddresses
from overt.adapters.number_hints import AddressBook
from overt.domain.identity import Number
from overt.domain.location import SPOOFED
from overt.domain.numbers import REASONS
from overt.ports import AddressBook as AddressBookPort

ON_FILE, KNOWN, FREE = Number("+12145550100"), Number("+14155550100"), Number("+18005550100")


@pytest.fixture(params=["memory", "frozen tables"])
def book(request: pytest.FixtureRequest) -> AddressBookPort:
    """An address book with one address on file, one number that hints and one that does not."""
    if request.param == "memory":
        hints = {ON_FILE.text: "US-TX", KNOWN.text: "US-CA"}
        return MemoryAddresses({ON_FILE.text: "US-GA"}, hints, {FREE.text: REASONS["toll-free"]})
    return AddressBook([(ON_FILE.text, "US-GA", "register")])


def test_what_is_on_file_comes_with_its_source(book: AddressBookPort) -> None:
    assert list(book.on_file(ON_FILE)) == [("US-GA", "register")]
    assert not book.on_file(KNOWN) and not book.on_file(Number())


def test_what_is_on_file_takes_no_hint_away(book: AddressBookPort) -> None:
    assert [place for place, _ in book.hinted(ON_FILE)] == ["US-TX"]
    assert [place for place, why in book.hinted(KNOWN) if why] == ["US-CA"]
    assert not book.hinted(FREE) and not book.hinted(Number())


def test_a_doubt_is_said_and_an_ordinary_number_has_none(book: AddressBookPort) -> None:
    assert book.doubt(KNOWN) == book.doubt(ON_FILE) == ""
    assert book.doubt(FREE) == REASONS["toll-free"]
    assert book.doubt(Number()) == book.doubt(Number("", disputed=True)) == REASONS["withheld"]


def test_a_disputed_number_hints_all_the_same_and_is_not_believed(book: AddressBookPort) -> None:
    disputed = Number(KNOWN.text, disputed=True)
    assert list(book.hinted(disputed)) == list(book.hinted(KNOWN)) and book.doubt(disputed) == SPOOFED
    assert book.doubt(Number(FREE.text, disputed=True)) == SPOOFED
