"""Who a user agent is, what it holds, and how it sends: what both its directions stand on."""

from __future__ import annotations

from binascii import crc32
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from overt.wire import sdp
from overt.wire.sip.deadlines import Deadlines
from overt.wire.sip.dialog import Dialog
from overt.wire.sip.headers import canonical
from overt.wire.sip.leg import SDP_TYPE, Ended, Happening, Leg, Legs, Reanswered
from overt.wire.sip.machine import MAGIC, MS, Key, Peer
from overt.wire.sip.message import Headers, Request, Response, respond
from overt.wire.sip.timer import USUAL_S, Timer
from overt.wire.sip.transaction import TransactionLayer

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO"
ACCEPT = "application/sdp, application/rs-metadata+xml, multipart/mixed"
KNOWN = frozenset({"100rel"})  # what may be required of us beside what we say that we support
MOST_REMARKS = 1_000
MOST_REASONS, LONGEST_REASON = 200, 100
SECOND = 1_000 * MS


class Station:
    """One local address, its legs, and its transactions.

    `load` says how many calls there are and how many there may be (0: any number); `extensions` is what we support;
    `session_s` the interval of our session timers; `remarks` are sentences about what others send wrong, for their
    engineers: whoever shows them takes them out. `here` says where a peer reaches us, where that differs by peer or
    transport. `lot(n)` draws a number below n; `fresh_key` makes the 46 random bytes from which a leg's sound is encrypted
    (RFC 4568); without it nothing is. `prove` answers challenges (their values, the method, the URI) to calls of ours, by
    `digest.answers`; without it they are refusals.
    """

    def __init__(
        self, host: str, port: int, fresh: Callable[[], str], server: str, *, session_s: int = USUAL_S,
        lot: Callable[[int], int] | None = None, fresh_key: Callable[[], bytes] = bytes,
    ) -> None:  # fmt: skip
        self._host, self._port, self._fresh, self._server = host, port, fresh, server
        self._lot, self._fresh_key = lot or self._drawn, fresh_key
        self.here: Callable[[Peer], tuple[str, int]] = lambda peer: (host, port)
        self.prove: Callable[[Sequence[str], str, str], Sequence[str]] = lambda asked, method, uri: ()
        self.session_s = session_s
        self.layer, self.legs = TransactionLayer(), Legs()
        self.counters: dict[str, int] = {}
        self._reasons: set[str] = set()
        self.remarks: deque[tuple[Peer, str]] = deque(maxlen=MOST_REMARKS)
        self.load: Callable[[], tuple[int, int]] | None = None
        self.extensions: tuple[str, ...] = ("siprec", "timer")
        self._due: Deadlines[tuple[str, str]] = Deadlines()

    def _drawn(self, count: int) -> int:
        return crc32(self._fresh().encode()) % count

    def count(self, what: str) -> None:
        """Count something that was refused or malformed."""
        self.counters[what] = self.counters.get(what, 0) + 1

    def count_why(self, kind: str, why: str) -> None:
        """Count something whose reason may hold words of whoever sent it: so many are told apart, the rest is `other`."""
        what = f"{kind}: {why[:LONGEST_REASON]}"
        if what not in self._reasons and what not in self.counters:
            if len(self._reasons) >= MOST_REASONS:
                what = f"{kind}: other"
            else:
                self._reasons.add(what)
        self.count(what)

    def remark(self, who: Peer, sentence: str) -> None:
        """Keep a sentence about what somebody sends."""
        self.remarks.append((who, sentence))

    @property
    def full(self) -> bool:
        """Whether there are as many calls as there may be."""
        calls, most = self.load() if self.load is not None else (0, 0)
        return 0 < most <= calls

    # ---- what we say

    def _at(self, peer: Peer) -> str:
        host, port = self.here(peer)
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def contact(self, peer: Peer, features: str = "") -> str:
        """Where a peer reaches us within a call."""
        transport = f";transport={peer.transport.lower()}" if peer.reliable else ""
        return f"<sip:{self._at(peer)}{transport}>{features}"

    def _via(self, peer: Peer) -> str:
        return f"SIP/2.0/{peer.transport} {self._at(peer)};rport;branch={MAGIC}{self._fresh()}"

    def _hop(self, leg: Leg) -> Peer:
        """Where requests of a leg go: the route or the target when it is an address, else whence it came."""
        if leg.dialog is None or leg.peer.reliable:
            return leg.peer
        host, port = leg.dialog.next_hop
        literal = ":" in host or host.replace(".", "").isdecimal()
        return Peer(host, port) if literal else leg.peer

    def _said(self, contact: str, headers: Headers, body: bytes, content_type: str) -> Headers:
        """What each answer of ours says; a header given replaces ours."""
        ours: Headers = (
            ("Contact", contact), ("Allow", ALLOW), ("Accept", ACCEPT),
            ("Supported", ", ".join(self.extensions)), ("Server", self._server),
            *((("Content-Type", content_type),) if body else ()),
        )  # fmt: skip
        given = {canonical(name) for name, _ in headers}
        return (*(one for one in ours if canonical(one[0]) not in given), *headers)

    def _reply(
        self, key: Key, request: Request, status: int, now: int, *, leg: Leg | None = None, reason: str = "",
        headers: Headers = (), body: bytes = b"", content_type: str = SDP_TYPE,
    ) -> list[Happening]:  # fmt: skip
        """Answer a request, with our tag where it has none."""
        peer = self.layer.peer_of(key) or Peer(self._host, self._port)
        said = self._said(self.contact(peer, leg.features if leg else ""), headers, body, content_type)
        tag = leg.tag if leg is not None and leg.tag else "" if request.to.tag else self._fresh()
        response: Response = respond(request, status, reason=reason, tag=tag, headers=said, body=body)
        return [*self.layer.respond(key, response, now)]

    def _ask(self, dialog: Dialog, method: str, peer: Peer, now: int) -> list[Happening]:
        """Send a request within a dialog, whose answer changes nothing."""
        return [*self.layer.request(dialog.request(method, self._via(peer)), peer, now)[1]]

    def _retry_after(self, least: int, spread: int) -> Headers:
        return (("Retry-After", str(least + self._lot(spread))),)

    @staticmethod
    def _described_again(leg: Leg, direction: sdp.Direction = "sendrecv") -> bytes:
        """An offer of ours within a call that the agent answers, encrypted if the call is."""
        leg.version += 1
        secure = leg.secrecy == "required" or (leg.audio is not None and leg.audio.secure)
        return sdp.offer(
            leg.address, leg.port, session_id=leg.session_id, version=leg.version, direction=direction, key=leg.secret,
            secure=secure,
        )  # fmt: skip

    # ---- time and end

    def _time(self, leg: Leg, timer: Timer | None, now: int) -> None:
        """Begin the session timer of a leg, or end it."""
        self._keep_time(leg, timer.begun(now) if timer is not None else None)

    def _keep_time(self, leg: Leg, timer: Timer | None) -> None:
        leg.timer = timer
        if timer is None:
            self._due.drop((leg.id, "timer"))
        else:
            self._due.set((leg.id, "timer"), timer.next_at)

    def _close(self, leg: Leg, now: int) -> list[Happening]:
        """Forget a leg: what they asked and was not answered is (487, §15.1.2), what we asked is taken back."""
        early, leg.state = leg.state == "early", "ended"
        self.legs.remove(leg)
        for what in ("timer", "patience", "retry", "answer"):
            self._due.drop((leg.id, what))
        happened: list[Happening] = []
        if early and leg.server:
            happened += self._reply(leg.key, leg.invite, 487, now, leg=leg)
        if leg.question is not None:
            happened += self._reply(leg.asked, leg.question, 487, now, leg=leg)
            leg.question, leg.asked = None, ()
        if leg.offering:
            happened += self.layer.abandon(leg.key, now)
        return happened

    def _end(self, leg: Leg, how: str, now: int, status: int = 0) -> list[Happening]:
        return [*self._close(leg, now), Ended(leg, how, status)]

    def _overtaken(self, leg: Leg) -> list[Happening]:
        """Give up an offer of ours that waits to be sent again: another takes its place, or what it was made for changed."""
        if leg.waiting is None:
            return []
        leg.waiting = None
        self._due.drop((leg.id, "retry"))
        return [Reanswered(leg, 491, None)]

    def _unknown(self, request: Request) -> list[str]:
        """What a request requires and we do not know (§8.2.2.3)."""
        known = KNOWN.union(self.extensions)
        return [one for one in request.all("Require") if one.strip().lower() not in known]

    @staticmethod
    def _updates(leg: Leg, message: Request | Response) -> None:
        """Note whether they take UPDATE, from their Allow."""
        allowed: Iterable[str] = message.all("Allow")
        if allowed:
            leg.updates = "UPDATE" in (one.upper() for one in allowed)
