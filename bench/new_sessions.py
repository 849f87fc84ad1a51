"""New recording sessions a second: sipp as recording client, every session located, decided, permitted and accounted for.

    python bench/new_sessions.py [--write]

A session is an INVITE with metadata (RFC 7865), two streams without sound, two seconds, a BYE. sipp, signalling, engine, notary
and all others share the machine's cores. Beside it sipp's own server, which answers and does nothing else.
"""

from __future__ import annotations

import argparse
import csv
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import report
from overt.compose.auditing import calls
from overt.compose.demo import free_ports
from overt.compose.init import Wishes, make_folder

ADDRESS, CLIENT, THEIRS = "127.0.0.1", "127.0.0.2", "127.0.0.6"
RATES, SECONDS, HELD_MS = (50, 100, 120), 15, 2000
NS = "urn:ietf:params:xml:ns:recording:1"
PEOPLE = "".join(
    f'<participant participant_id="p{at}"><nameID aor="sip:{who}@pbx.example"/></participant>'
    f'<stream stream_id="s{at}" session_id="c"><label>{at}</label></stream>'
    f'<participantsessionassoc participant_id="p{at}" session_id="c"/>'
    f'<participantstreamassoc participant_id="p{at}"><send>s{at}</send></participantstreamassoc>'
    for at, who in ((1, "+1214555[call_number]"), (2, "sales"))
)
SDP = "".join(
    ["v=0\n", "o=src 7 1 IN IP4 [local_ip]\n", "s=-\n", "c=IN IP4 [local_ip]\n", "t=0 0\n"]
    + [f"m=audio {port} RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000\na=label:{at}\na=sendonly\n" for at, port in ((1, 40000), (2, 40002))]
)  # fmt: skip
BODY = (
    f"--foo\nContent-Type: application/sdp\n\n{SDP}--foo\nContent-Type: application/rs-metadata+xml\n"
    f'Content-Disposition: recording-session\n\n<recording xmlns="{NS}"><datamode>complete</datamode>'
    f'<session session_id="c[call_id]"/>{PEOPLE}</recording>\n--foo--\n'
)
HEAD = """{line}
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
From: <sip:src@[local_ip]>;tag=[pid]T[call_number]
To: <sip:srs@[remote_ip]>{tag}
Call-ID: [call_id]
CSeq: {cseq}
Contact: <sip:src@[local_ip]:[local_port]>;+sip.src
Max-Forwards: 70
"""


def scenario() -> str:
    """The recording client as a scenario of sipp."""
    invite = HEAD.format(line="INVITE sip:srs@[remote_ip]:[remote_port] SIP/2.0", tag="", cseq="1 INVITE")
    within = {
        method: HEAD.format(line=f"{method} [next_url] SIP/2.0", tag="[peer_tag_param]", cseq=f"{number} {method}")
        for method, number in (("ACK", 1), ("BYE", 2))
    }
    return f"""<?xml version="1.0" encoding="ISO-8859-1" ?>
<scenario name="src">
  <send retrans="500" start_rtd="1"><![CDATA[
{invite}Require: siprec
Content-Type: multipart/mixed;boundary=foo
Content-Length: [len]

{BODY}]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="200" rtd="1" rrs="true"/>
  <send><![CDATA[
{within["ACK"]}Content-Length: 0

]]></send>
  <pause milliseconds="{HELD_MS}"/>
  <send retrans="500"><![CDATA[
{within["BYE"]}Content-Length: 0

]]></send>
  <recv response="200"/>
</scenario>
"""


def sipp(folder: Path, target: str, rate: int) -> dict[str, float]:
    """Run the client at a rate; how many succeeded, how long the answer took."""
    (folder / "src.xml").write_text(scenario())
    stats = folder / f"stats-{rate}-{target.rpartition(':')[2]}.csv"
    command = ["sipp", "-sf", "src.xml", "-i", CLIENT, "-p", "0", "-m", str(rate * SECONDS), "-r", str(rate), "-nostdin",
               "-trace_stat", "-stf", str(stats), "-fd", "60", "-timeout", "90", "-trace_rtt", "-rtt_freq", "1", target]  # fmt: skip
    subprocess.run(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    last = list(csv.DictReader(stats.read_text().splitlines(), delimiter=";"))[-1]
    times = sorted(
        float(line.split(";")[1]) for path in folder.glob("src_*_rtt.csv") for line in path.read_text().splitlines()[1:] if ";" in line
    )  # fmt: skip
    for path in folder.glob("src_*_rtt.csv"):
        path.unlink()
    return {
        "succeeded": float(last["SuccessfulCall(C)"]), "failed": float(last["FailedCall(C)"]),
        "median": times[len(times) // 2] if times else -1.0, "p99": times[int(len(times) * 0.99)] if times else -1.0,
    }  # fmt: skip


def cpu(pids: list[int]) -> float:
    """Processor seconds that processes have spent."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def overt(folder: Path) -> Iterator[tuple[str, Path]]:
    """A whole Overt with one recording client that attests."""
    data, ports = folder / "data", free_ports()
    line = '[[line]]\nname = "sales"\nnumbers = ["sales"]\nagent = "sip:a@127.0.0.9"\nagent_place = "US-GA"\n'
    make_folder(
        data,
        Wishes("stop-and-flag", "ops", "US-GA", ("US-CA", "US-TX"), f"sip_port = {ports.sip}\nweb_port = 0\n{line}"),
    )
    log = (folder / "serve.log").open("wb")
    server = subprocess.Popen(
        [sys.executable, "-m", "overt", "serve", "--data", str(data)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
    )
    try:
        while not (data / "run" / "ready").exists():
            time.sleep(0.1)
        subprocess.run(
            [sys.executable, "-m", "overt", "clients", "add", "src", "--address", CLIENT, "--mode", "siprec", "--attest",
             "recording", "--by", "Dana", "--why", "a bench", "--data", str(data)], check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(1.5)
        yield f"{ADDRESS}:{ports.sip}", data
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(40)


def ours(folder: Path) -> list[dict[str, object]]:
    """Overt at each rate: what became of the sessions, and what they cost."""
    rows: list[dict[str, object]] = []
    with overt(folder) as (target, data):
        pids = [int(path.read_text()) for path in (data / "run").glob("*.pid")]
        recorded = 0
        for rate in RATES:
            before = cpu(pids)
            found = sipp(folder, target, rate)
            time.sleep(1.5)
            spent = cpu(pids) - before
            total = sum(bool(one.permitted) and one.ledger_index >= 0 for one in calls(data).values())
            rows.append(_row("Overt", rate, found, total - recorded, spent))
            recorded = total
    return rows


def theirs(folder: Path) -> list[dict[str, object]]:
    """sipp's own server at each rate."""
    port, rows = free_ports().sip, []
    server = subprocess.Popen(["sipp", "-sn", "uas", "-i", THEIRS, "-p", str(port), "-nostdin"], cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
    try:
        time.sleep(0.5)
        for rate in RATES:
            before = cpu([server.pid])
            found = sipp(folder, f"{THEIRS}:{port}", rate)
            rows.append(_row("sipp -sn uas", rate, found, "–", cpu([server.pid]) - before))
    finally:
        server.kill()
        server.wait()
    return rows


def _row(who: str, rate: int, found: dict[str, float], recorded: object, spent: float) -> dict[str, object]:
    count = found["succeeded"] + found["failed"]
    return {
        "server": who, "new_a_second": rate, "sessions": int(count), "failed": int(found["failed"]), "permitted_and_accounted": recorded,
        "answer_ms": round(found["median"], 1), "p99_ms": round(found["p99"], 1), "cpu_ms_a_session": round(1000 * spent / max(count, 1), 2),
    }  # fmt: skip


def main() -> int:
    """Measure, print, write. Exit code 1 when 100 a second were not all taken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        rows = ours(Path(made)) + theirs(Path(made))
    aimed = next(row for row in rows if row["new_a_second"] == 100)
    met = aimed["failed"] == 0 and aimed["permitted_and_accounted"] == aimed["sessions"]
    text = f"{report.table(rows)}\n\n{report.machine()}\n\nAim: 100 new sessions a second on two cores, sipp among them: {'met' if met else 'missed'}."
    print(text)
    if words.write:
        report.write("new sessions", text)
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
