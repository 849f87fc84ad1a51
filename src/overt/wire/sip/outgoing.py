"""What a user agent asks of others: calls, new offers and refreshes within them, their ends (RFC 3261 §13.2, §14.1, §15)."""

from __future__ import annotations

from dataclasses import replace

from overt.wire import sdp
from overt.wire.sip.description import described
from overt.wire.sip.dialog import Dialog
from overt.wire.sip.digest import renewed
from overt.wire.sip.errors import RemoteProtocolError
from overt.wire.sip.grammar import whole_number
from overt.wire.sip.headers import CSeq, NameAddress, canonical
from overt.wire.sip.leg import (
    SDP_TYPE,
    Changed,
    Confirmed,
    Ended,
    Happening,
    Leg,
    Offering,
    Progressed,
    Reanswered,
)
from overt.wire.sip.machine import MS, Key, Peer, Send
from overt.wire.sip.message import Headers, Request, Response
from overt.wire.sip.remark import sentence
from overt.wire.sip.station import ALLOW, SECOND, Station
from overt.wire.sip.timer import AGAIN_S, confirmed, interval_of, least_of

MOST_TRIES = 4
CHALLENGES = {401: ("www-authenticate", "Authorization"), 407: ("proxy-authenticate", "Proxy-Authorization")}
FINAL_S = 32  # within which a new offer has a final answer, or is cancelled
RING_S = 600  # within which a call of ours has one
LONGEST_WAIT_S = 10  # for which a Retry-After is obeyed
LARGEST_LEAST_S = 86_400  # of a Min-SE


class Outgoing(Station):
    """The side of the agent that asks."""

    def invite(
        self, uri: str, peer: Peer, from_: NameAddress, address: str, port: int, now: int, *,
        headers: Headers = (), hops: int = 70, first: str = "PCMU", secure: bool = False,
    ) -> tuple[Leg, list[Happening]]:  # fmt: skip
        """Call somebody; `Progressed`, then `Confirmed` or `Ended` follow. `secure`: encrypted sound is offered."""
        leg_id, session_id = self._fresh(), now // 1000
        fixed: Headers = (
            ("Via", self._via(peer)), ("Max-Forwards", str(hops)), ("From", str(from_.tagged(self._fresh()))),
            ("To", f"<{uri}>"), ("Call-ID", self._fresh()), ("CSeq", "1 INVITE"), ("Contact", self.contact(peer)),
            ("Allow", ALLOW), ("Supported", "timer"), ("Session-Expires", str(self.session_s)),
            ("User-Agent", self._server), *headers, ("Content-Type", SDP_TYPE),
        )  # fmt: skip
        secret = self._fresh_key()
        body = sdp.offer(address, port, session_id=session_id, first=first, key=secret, secure=secure)
        request = Request(fixed, body, "INVITE", uri)
        key, sent = self.layer.request(request, peer, now)
        leg = Leg(
            leg_id, False, peer, request, key, address=address, port=port, session_id=session_id, version=1, body=body,
            secret=secret, secrecy="required" if secure else "off",
        )  # fmt: skip
        self.legs.keep(leg)
        self._due.set((leg.id, "answer"), now + RING_S * SECOND)
        return leg, [*sent]

    # ---- what comes back

    def _heard(self, key: Key, response: Response, now: int) -> list[Happening]:
        leg = self.legs.of_key(key)
        if leg is None or (leg.ack and leg.dialog is not None and response.to.tag != leg.dialog.remote_tag):
            return self._orphan(response, now)
        if leg.offering:
            return self._offer_answered(leg, response, now)
        if leg.state != "early":
            return [Send(leg.ack, self._hop(leg))] if leg.ack else []
        if response.status < 200:
            leg.provisional = True
            happened: list[Happening] = [Progressed(leg, response.status)] if response.status > 100 else []
            return [*happened, *(self.layer.cancel(key, now) if leg.cancelled else [])]
        if response.status == 422 and not leg.cancelled:
            return self._invite_again(leg, response, now)
        if response.status in CHALLENGES and not leg.cancelled:
            return self._challenged(leg, response, now)
        if response.status >= 300:
            return self._end(leg, response.reason, now, response.status)
        return self._established(leg, response, now)

    def _invite_again(self, leg: Leg, refusal: Response, now: int) -> list[Happening]:
        """Ask for the longer interval that they want (RFC 4028 §7.3); give up when they want it ever longer."""
        least, asked = least_of(refusal), interval_of(leg.invite)
        if asked is None or least <= asked.seconds or least > LARGEST_LEAST_S or leg.invite.cseq.number >= MOST_TRIES:
            return self._end(leg, refusal.reason, now, refusal.status)
        return self._invite_with(leg, (("Session-Expires", str(least)), ("Min-SE", str(least))), now)

    def _challenged(self, leg: Leg, refusal: Response, now: int) -> list[Happening]:
        """Answer a challenge (RFC 3261 §22); give up when our answer was none, unless its nonce was merely old."""
        asks, answers = CHALLENGES[refusal.status]
        asked = [value for name, value in refusal.headers if canonical(name) == asks]
        answered = bool(leg.invite.get(answers)) and not renewed(asked)
        proofs = self.prove(asked, "INVITE", leg.invite.uri)
        if answered or not proofs or leg.invite.cseq.number >= MOST_TRIES:
            return self._end(leg, refusal.reason, now, refusal.status)
        return self._invite_with(leg, tuple((answers, one) for one in proofs), now)

    def _invite_with(self, leg: Leg, changed: Headers, now: int) -> list[Happening]:
        """Call again, as a new transaction of the same call, with these headers in the place of those of the same names."""
        stated = {"via": self._via(leg.peer), "cseq": str(CSeq(leg.invite.cseq.number + 1, "INVITE"))}
        gone = {canonical(name) for name, _ in changed}
        kept = tuple(
            (name, stated.get(canonical(name), value)) for name, value in leg.invite.headers
            if canonical(name) not in gone
        )  # fmt: skip
        leg.invite = replace(leg.invite, headers=(*kept, *changed))
        leg.key, sent = self.layer.request(leg.invite, leg.peer, now)
        leg.provisional = False
        self.legs.keep(leg)
        return [*sent]

    def _established(self, leg: Leg, response: Response, now: int) -> list[Happening]:
        leg.dialog = Dialog.of_client(leg.invite, response)
        leg.ack = bytes(leg.dialog.request("ACK", self._via(leg.peer)))
        acked: list[Happening] = [Send(leg.ack, self._hop(leg))]
        leg.state = "confirmed"
        self.legs.keep(leg)
        self._due.drop((leg.id, "answer"))
        self._updates(leg, response)
        self._time(leg, confirmed(response, None), now)
        leg.far = self._read(leg, response)
        audio = leg.audio
        if leg.cancelled or audio is None or audio.codec is None:
            how = "gave up" if leg.cancelled else "unusable answer"
            return [*acked, *self.hang_up(leg, now), Ended(leg, how, 488)]
        return [*acked, Confirmed(leg)]

    def _read(self, leg: Leg, response: Response) -> sdp.Description | None:
        """The description of an answer, None when there is none or nobody can read it."""
        try:
            return described(response)
        except RemoteProtocolError as error:
            self.count_why("refused", error.reason)
            self.remark(leg.peer, sentence("200", error))
            return None

    def _orphan(self, response: Response, now: int) -> list[Happening]:
        """A 2xx to an INVITE that nobody waits for: acknowledge it, and end it unless it repeats one within a call.

        It is a second one to a forked INVITE, or one after we gave up, or it answers an offer before our latest.
        """
        if response.cseq.method != "INVITE" or not 200 <= response.status < 300:
            return []
        leg = self.legs.of_response(response)
        if leg is not None and leg.dialog is not None:
            again = leg.dialog.request("ACK", self._via(leg.peer), number=response.cseq.number)
            return [Send(bytes(again), self._hop(leg))]
        if response.contact is None:
            return []
        dialog = Dialog(
            response.call_id, response.get("From"), response.get("To"), str(response.contact.uri),
            tuple(reversed(response.all("Record-Route"))), response.cseq.number,
        )  # fmt: skip
        peer = Peer(*dialog.next_hop)
        acked = Send(bytes(dialog.request("ACK", self._via(peer))), peer)
        return [acked, *self._ask(dialog.next_number(), "BYE", peer, now)]

    # ---- new offers and refreshes of ours

    def reoffer(self, leg: Leg, body: bytes, now: int, *, content_type: str = SDP_TYPE) -> list[Happening]:
        """Send a new offer within a call; `Reanswered` follows, or `Ended` when the call is gone.

        Where an offer of theirs crosses it, it is tried again at the times of §14.1, a few times. One that
        waits to be tried again gives way to a new one; while one is under way a new one is answered with 491 at once.
        """
        if leg.state == "ended" or (leg.sent is not None and not leg.sent.refresh):
            return [Reanswered(leg, 491, None)]
        return [*self._overtaken(leg), *self._offer(leg, Offering(body, content_type), now)]

    def hold(self, leg: Leg, direction: sdp.Direction, now: int) -> list[Happening]:
        """Hold a call that the agent answers (`sendonly`, `inactive`), or take it back (`sendrecv`): a new offer."""
        return self.reoffer(leg, self._described_again(leg, direction), now)

    def _offer(self, leg: Leg, offer: Offering, now: int) -> list[Happening]:
        """Send it, or try again later while another offer is under way in either direction (§14.1)."""
        offer = replace(offer, tries=offer.tries + 1)
        if leg.offering or leg.question is not None or leg.unacknowledged or leg.state != "confirmed":
            return self._again(leg, offer, 491, now, self._glare(leg))
        assert leg.dialog is not None
        leg.dialog, peer = leg.dialog.next_number(), self._hop(leg)
        headers = (
            ("Contact", self.contact(peer, leg.features)), ("Allow", ALLOW), ("Supported", "timer"),
            *(leg.timer.headers if leg.timer is not None else ()),
            *((("Content-Type", offer.content_type),) if offer.body else ()),
        )  # fmt: skip
        request = leg.dialog.request(offer.method, self._via(peer), headers=headers, body=offer.body)
        leg.key, sent = self.layer.request(request, peer, now)
        leg.ack, leg.sent, leg.provisional = b"", offer, False
        self.legs.keep(leg)
        self._due.set((leg.id, "answer"), now + FINAL_S * SECOND)
        return [*sent]

    def _glare(self, leg: Leg) -> int:
        """How long to wait after a 491: whoever made the Call-ID longer than the other (§14.1), in steps of 10 ms."""
        return 10 * MS * (self._lot(201) if leg.server else 210 + self._lot(191))

    def _again(self, leg: Leg, offer: Offering, status: int, now: int, wait: int) -> list[Happening]:
        """Try an offer again later, or report its last refusal; a refresh has the timer for that."""
        if offer.refresh and leg.timer is not None:
            self._keep_time(leg, leg.timer.later(now + wait, 0))
            return []
        if offer.refresh or offer.tries >= MOST_TRIES:
            return [] if offer.refresh else [Reanswered(leg, status, None)]
        leg.waiting = offer
        self._due.set((leg.id, "retry"), now + wait)
        return []

    def _retry(self, leg: Leg, now: int) -> list[Happening]:
        offer, leg.waiting = leg.waiting, None
        assert offer is not None
        return self._offer(leg, offer, now)

    def _offer_answered(self, leg: Leg, response: Response, now: int) -> list[Happening]:
        """What comes to a new offer of ours: a refusal changes nothing, unless the call is gone (§14.1)."""
        if response.status < 200:
            leg.provisional = True
            return []
        offer = self._done(leg)
        if response.status < 300:
            return self._agreed(leg, offer, response, now)
        if response.status == 481:
            return self._end(leg, response.reason, now)
        if response.status == 408:
            return self._offer_unanswered(leg, offer, now)
        return self._offer_refused(leg, offer, response, now)

    def _done(self, leg: Leg) -> Offering:
        assert leg.sent is not None
        offer, leg.sent = leg.sent, None
        self._due.drop((leg.id, "answer"))
        return offer

    def _agreed(self, leg: Leg, offer: Offering, response: Response, now: int) -> list[Happening]:
        assert leg.dialog is not None
        leg.dialog = leg.dialog.retargeted(response)
        happened: list[Happening] = []
        if offer.method == "INVITE":
            leg.ack = bytes(leg.dialog.request("ACK", self._via(leg.peer), number=response.cseq.number))
            happened.append(Send(leg.ack, self._hop(leg)))
        self._updates(leg, response)
        self._time(leg, confirmed(response, leg.timer), now)
        far, before = self._read(leg, response), leg.far
        leg.far = far or before
        if not offer.refresh:
            leg.body, leg.content_type = offer.body, offer.content_type
            return [*happened, Reanswered(leg, response.status, far)]
        changed = far is not None and before is not None and far.media != before.media
        return [*happened, Changed(leg)] if changed else happened

    def _offer_refused(self, leg: Leg, offer: Offering, response: Response, now: int) -> list[Happening]:
        """Try again what was refused for the moment only; report another refusal."""
        after = whole_number(response.get("Retry-After").partition(";")[0].strip(), LONGEST_WAIT_S)
        least = least_of(response)
        if response.status == 491:
            return self._again(leg, offer, 491, now, self._glare(leg))
        if response.status in (500, 503) and after is not None:
            return self._again(leg, offer, response.status, now, after * SECOND)
        if response.status == 422 and leg.timer is not None and leg.timer.least < least <= LARGEST_LEAST_S:
            self._keep_time(leg, replace(leg.timer, seconds=max(least, leg.timer.seconds), least=least))
            return self._again(leg, offer, 422, now, 0)
        if offer.method == "UPDATE" and response.status in (405, 501):
            leg.updates = False
            return self._again(leg, offer, response.status, now, 0)
        if offer.refresh:
            return self._again(leg, offer, response.status, now, AGAIN_S * SECOND)
        return [Reanswered(leg, response.status, None)]

    def _offer_unanswered(self, leg: Leg, offer: Offering, now: int) -> list[Happening]:
        """No answer to a new offer ends a call (§14.1), but not a deferred leg: many recording clients answer none."""
        if leg.deferred and not offer.refresh:
            self.remark(leg.peer, "it did not answer our re-INVITE")
            return [Reanswered(leg, 408, None)]
        how = "session timer ran out" if offer.refresh else "no response"
        return [*self.hang_up(leg, now), Ended(leg, how, 0 if offer.refresh else 408)]

    def _refresh(self, leg: Leg, now: int) -> list[Happening]:
        """The session timer of a leg is due: give a sign of life, or end the call that gives none (RFC 4028 §10)."""
        timer = leg.timer
        assert timer is not None
        if not timer.ends_at:  # taken over from another process, which may have missed a refresh
            timer = timer.begun(now)
            self._keep_time(leg, timer.later(now, 1 + self._lot(AGAIN_S)) if timer.ours else timer)
            return []
        if now >= timer.ends_at:
            self.count("session timer ran out")
            return [*self.hang_up(leg, now), Ended(leg, "session timer ran out")]
        self._keep_time(leg, replace(timer, refresh_at=0))
        if leg.updates or not leg.body:
            return self._offer(leg, Offering(b"", refresh=True, method="UPDATE"), now)
        return self._offer(leg, Offering(leg.body, leg.content_type, refresh=True), now)

    # ---- ends

    def hang_up(self, leg: Leg, now: int) -> list[Happening]:
        """End a leg of ours as its state demands: BYE, CANCEL, a refusal, or nothing."""
        if leg.state == "ended" or leg.id not in self.legs:
            return []
        if leg.state == "early":
            if leg.server:
                happened = self._reply(leg.key, leg.invite, 480, now, leg=leg)
                return [*happened, *self._close(leg, now)]
            leg.cancelled = True
            return [*self.layer.cancel(leg.key, now)] if leg.provisional else []
        happened = self._close(leg, now)
        if leg.dialog is None:
            return happened
        return [*happened, *self._ask(leg.dialog.next_number(), "BYE", self._hop(leg), now)]

    def _unanswered(self, leg: Leg, now: int) -> list[Happening]:
        """Take back what was never finally answered: its end follows."""
        return [*self.layer.cancel(leg.key, now)] if leg.offering else self.hang_up(leg, now)

    def _failed(self, key: Key, now: int, status: int) -> list[Happening]:
        """A transaction timed out (408), or could not be sent (503)."""
        leg = self.legs.of_key(key)
        if leg is None:
            return []
        if key in leg.unacknowledged:
            self.remark(leg.peer, "it never acknowledged our answer")
            return [*self.hang_up(leg, now), Ended(leg, "never acknowledged our answer")]
        if leg.offering:
            offer = self._done(leg)
            if status == 408 or offer.refresh:
                return self._offer_unanswered(leg, offer, now)
            return [Reanswered(leg, status, None)]
        how = "no response" if status == 408 else "it cannot be reached"
        return self._end(leg, how, now, status) if leg.state == "early" else []
