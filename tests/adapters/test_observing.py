"""What processes say of themselves: bounded, masked, in the table of metrics; written each second; the token of the metrics."""

from __future__ import annotations

import asyncio
import datetime
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from overt.adapters.vitals_files import read_vitals
from overt.compose.alarming import certificates
from overt.compose.observing import pulse
from overt.compose.observing_calls import MOST_REASONS, SignallingObserved, counted
from overt.compose.observing_web import metrics_token, observing_rooms
from overt.config import parse_settings
from overt.domain.measures import MEASURES
from overt.faces.sip.sightings import Sightings
from overt.faces.sip.strangers import Strangers
from overt.ports import Unavailable

BASE = 'failure = "end-call"\n'


def test_reasons_are_told_apart_masked_and_bounded() -> None:
    told = counted({"refused: no codec": 2, "malformed: from sip:ada@h at +14155550102": 1, "dropped\nconnections": 3})
    assert told == {
        "sip_refused|no codec": 2,
        "sip_malformed|from sip:•••@h at •••": 1,
        "sip_noted|droppedconnections": 3,
    }
    flood = counted({f"refused: METHOD{'x' * one}": 1 for one in range(500)})
    assert len(flood) <= MOST_REASONS + 1 and sum(flood.values()) == 500 and flood["sip_refused|other"] > 400


async def test_signalling_says_what_the_table_knows_and_masks_sentences(tmp_path: Path) -> None:
    observed = SignallingObserved(tmp_path, parse_settings(BASE + 'hep_server = "127.0.0.1:9"\n'))
    sightings = Sightings()
    sightings.called("pbx", 5)
    sightings.remark("pbx", "It calls +14155550102, which no line has.", 6)
    legs = {"a": SimpleNamespace(state="early"), "b": SimpleNamespace(state="confirmed")}
    agent = SimpleNamespace(counters={"refused: x": 1}, legs=legs, layer=SimpleNamespace(size=4), load=lambda: (7, 0))
    gateway: Any = SimpleNamespace(agent=agent, sightings=sightings, strangers=Strangers())
    pool: Any = SimpleNamespace(open_pairs=3)
    said = observed.said(gateway, pool)
    observed.close()
    assert {key.partition("|")[0] for key in (*said["counters"], *said["gauges"])} <= set(MEASURES)
    assert said["gauges"] == {"calls": 7, "legs_half_open": 1, "sip_transactions": 4, "media_ports_open": 6}
    assert said["clients"]["pbx"]["sentences"][0]["sentence"] == "It calls •••, which no line has."


def test_without_days_and_server_nobody_is_told(tmp_path: Path) -> None:
    observed = SignallingObserved(tmp_path, parse_settings(BASE + "ladder_days = 0\n"))
    assert observed.files is None and observed.homer is None
    observed.close()
    nowhere = SignallingObserved(tmp_path, parse_settings(BASE + 'ladder_days = 0\nhep_server = "nowhere.invalid"\n'))
    assert nowhere.homer is None  # said in the log; calls go on (P12)


async def test_a_process_says_each_second_how_late_its_loop_is(tmp_path: Path) -> None:
    async with pulse(tmp_path, "opener", lambda: {"gauges": {"calls": 1}}):
        await asyncio.sleep(1.15)
        import time

        time.sleep(0.3)  # the loop stands still
        await asyncio.sleep(1.2)
    gauges = read_vitals(tmp_path)["opener"].gauges
    assert gauges["calls"] == 1 and gauges["loop_lag_seconds"] >= 0.15


def test_the_metrics_token_is_made_once_for_our_account_only(tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    token = metrics_token(tmp_path)
    path = tmp_path / "keys" / "metrics.token"
    assert token == metrics_token(tmp_path) and len(token) > 40 and stat.S_IMODE(path.stat().st_mode) == 0o600
    rooms = observing_rooms(tmp_path, parse_settings(BASE))
    assert (
        rooms.opens_to(token)
        and not rooms.opens_to(token + "x")
        and not rooms.opens_to("")
        and token not in repr(rooms)
    )
    path.write_text("short\n")
    with pytest.raises(Unavailable, match="too short"):
        metrics_token(tmp_path)
    with pytest.raises(Unavailable):
        metrics_token(tmp_path / "nowhere")
    assert not observing_rooms(tmp_path, parse_settings(BASE + 'metrics = "open"\n')).opens_to("")


def test_certificates_are_read_with_their_ends(tmp_path: Path) -> None:
    key, end = ec.generate_private_key(ec.SECP256R1()), datetime.datetime(2026, 12, 9, tzinfo=datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "t")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        .not_valid_before(end - datetime.timedelta(9)).not_valid_after(end).sign(key, hashes.SHA256())
    )  # fmt: skip
    (tmp_path / "web.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "broken.pem").write_text("no certificate")
    settings = parse_settings(BASE + 'web_certificate = "web.pem"\nweb_key = "k.pem"\n')
    assert dict(certificates(tmp_path, settings)) == {"of the console": int(end.timestamp() * 1_000_000)}
    broken = parse_settings(BASE + 'web_certificate = "broken.pem"\nweb_key = "k.pem"\n')
    assert dict(certificates(tmp_path, broken)) == {}


@pytest.mark.parametrize("wrong", ["ladder_days = -1", "hep_id = -1", 'expect_calls = ["pbx"]'])
def test_settings_that_mean_nothing_are_refused(wrong: str) -> None:
    from overt.config import SettingsRefused

    with pytest.raises(SettingsRefused, match=wrong.split()[0]):
        parse_settings(BASE + wrong + "\n")
