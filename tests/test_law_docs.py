"""docs/law/: a page for whatever the table holds, every link leads somewhere, and nothing changes by itself."""

from __future__ import annotations

import dataclasses
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from domain.made_law import basis, duty, one_party, place, table
from overt.adapters.law_files import load_table
from overt.domain.law.duties import Basis, Duty
from overt.domain.law.model import Row
from overt.domain.law.table import Source

ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\]\(([^)]+)\)")
SMALL = table(
    [
        one_party("US", kind="federal"), one_party("US-AA", kind="state", within="US", duties='["DUTY"]', sources='["read"]'),
        place("US-BB", kind="state", within="US", notice="yes"), place("STATE", rule="one-party", kind="subdivision"),
        place("DOUBT", rule="contested", contested="true", relaxes_to="one-party"),
    ],
    sources='[read]\ntitle = "A [judgment] of (1999)"\naddress = "https://court.example/a_(b)"\nweight = "primary"\n[unused]\ntitle = "A list"\naddress = ""\nweight = "odd"',
    duties__DUTY=duty("DUTY"), bases__MUST=basis("MUST", places='["US-AA"]'),
)  # fmt: skip


@pytest.fixture(scope="module")
def law_docs() -> ModuleType:
    """The tool, which is no part of the package."""
    spec = importlib.util.spec_from_file_location("law_docs", ROOT / "tools" / "law_docs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_place_has_a_page_and_stands_once_in_the_index(law_docs: ModuleType) -> None:
    for held in (SMALL, load_table()):
        documents = law_docs.documents(held)
        assert {f"{code}.md" for code in held.rows} <= set(documents)
        listed = re.findall(r"^\| \[.*?\]\((.*?)\.md\)", documents["index.md"], re.MULTILINE)
        assert sorted(listed) == sorted(held.rows)
        stamp = f"SHA-256 `{held.sha256[:16]}…`. Researched, not verified; not legal advice."
        assert all(stamp in text for name, text in documents.items() if name.endswith(".md"))
        assert law_docs.documents(held) == documents


def test_the_stricter_rule_decides_on_which_list_a_place_stands(law_docs: ModuleType) -> None:
    index = law_docs.documents(SMALL)["index.md"]
    world = index.partition("## The world")[2]
    all_party, _, rest = world.partition("### Contested")
    assert "(STATE.md)" in all_party and "(DOUBT.md)" in rest.partition("### One-party")[0]


def test_links_lead_to_documents_or_to_files_of_the_table(law_docs: ModuleType, tmp_path: Path) -> None:
    folder = ROOT / "docs" / "law"
    documents = law_docs.documents(load_table())
    by_hand = {"format.md", "locating.md", "cases.yaml"}
    for name, text in documents.items():
        for target in LINK.findall(text):
            path, _, anchor = target.partition("#")
            if not target.startswith("http"):
                assert path in documents or path in by_hand or not path or (folder / path).exists(), (name, target)
            if anchor:
                assert f'<a id="{anchor}"></a>' in documents[path or name], (name, target)


def test_what_is_written_in_markdown_stays_text(law_docs: ModuleType) -> None:
    documents = law_docs.documents(SMALL)
    assert (
        "[A \\[judgment\\] of (1999) (statute, judgment, official paper)](https://court.example/a_%28b%29)"
        in documents["US-AA.md"]
    )
    assert "`unused`: A list. For: nothing any more." in documents["sources.md"]
    assert "For: [US-AA](US-AA.md)." in documents["sources.md"]
    assert law_docs._plain("a*b <c> `d*e` f_g") == "a\\*b &lt;c> `d*e` f\\_g"


def test_a_law_that_changes_is_one_page_of_two_parts(law_docs: ModuleType) -> None:
    early, late = (
        dataclasses.replace(SMALL.rows["US-BB"][0], in_force_from=a, in_force_until=b)
        for a, b in (("", "2026-12-31"), ("2027-01-01", ""))
    )
    page = law_docs._place(
        dataclasses.replace(SMALL, rows={**SMALL.rows, "US-BB": (early, late)}), "US-BB", (early, late)
    )
    assert "# From ever until 2026-12-31" in page and "# From 2027-01-01 until further notice" in page
    assert "places/US-BB.toml)" in page and "places/US-BB@2027-01-01.toml)" in page


def test_writing_again_changes_nothing_and_removes_only_what_it_made(law_docs: ModuleType, tmp_path: Path) -> None:
    folder = tmp_path / "law"
    first = law_docs.write(folder)
    assert "index.md" in first and "map.svg" in first and (folder / "US-CA.md").exists()
    assert law_docs.write(folder) == []
    (folder / "XX.md").write_text(f"{law_docs.MARK}\n\n# A place that the table no longer has\n")
    (folder / "format.md").write_text("# By hand\n")
    (folder / "US-CA.md").write_text("changed by hand")
    assert law_docs.write(folder) == ["US-CA.md", "XX.md"]
    assert not (folder / "XX.md").exists() and (folder / "format.md").exists()


def test_the_hand_written_page_names_every_field_and_every_value_that_decides() -> None:
    text = (ROOT / "docs" / "law" / "format.md").read_text()
    named = set(re.findall(r"`([a-z_]+)`", text)) | set(re.findall(r"\[\[?([a-z_]+)\]?\]", text))
    hints = {field.name for kind in (Row, Duty, Basis, Source) for field in dataclasses.fields(kind)}
    for part in (
        "Contested",
        "Forms",
        "Notice",
        "OutOfStateRecorder",
        "Exposure",
        "Confidence",
        "Support",
        "Verified",
        "PurposeRule",
        "Example",
    ):
        kind = getattr(importlib.import_module("overt.domain.law.model"), part)
        hints |= {field.name for field in dataclasses.fields(kind)}
    assert hints <= named, sorted(hints - named)
