"""The engine's desk: frames from the signaller come in here, one method a frame."""

from __future__ import annotations

import errno
import hmac
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from overt import protocol
from overt.engine.batch import Batch
from overt.engine.beside import Beside
from overt.engine.capture import CHUNK_NS, Capture, Clockwork, begin_sealing
from overt.engine.loop import Loop
from overt.engine.prompts import Library
from overt.engine.room import SIDES, Room
from overt.engine.spool import SEGMENT_NS, Spool, Unended
from overt.engine.tally import Tally
from overt.protocol import LARGEST_FRAME, Captured, Done, Failed, Frame, Interrupted
from overt.vault.keys import WrappingKey
from overt.vault.track import TRACKS

LEASE_LOOK_NS, SILENT_NS = 50_000_000, 10_000_000_000
REPORTS_EVERY = 10  # tendings between RTCP reports: five seconds
MOST_UNSENT = 50_000
FLUSH_NS = 5_000_000
_LATER = (errno.EAGAIN, errno.ENOBUFS, errno.ETOOMANYREFS)  # the last: too many descriptors are under way


class Desk:
    """All calls of this engine, and the one signaller that directs them."""

    def __init__(
        self,
        loop: Loop,
        library: Library,
        spool: Spool,
        wrapping: WrappingKey,
        start_key: bytes,
        unended: list[Unended],
    ) -> None:
        self._loop, self._library, self._spool, self._wrapping, self._key = loop, library, spool, wrapping, start_key
        self._rooms: dict[str, Room] = {}
        self._peer: socket.socket | None = None
        self._candidate: socket.socket | None = None
        self._unsent: deque[tuple[bytes, list[int]]] = deque()
        self._flushing = False
        works = Clockwork(_now_us, lambda: loop.now, spool)
        self._batch = Batch(works, wrapping, start_key, self._tell)
        self._beside = Beside(loop, self._batch, self._look_at_leases, lambda: bool(self._rooms))
        self._unended = {-number: one for number, one in enumerate(unended, 1)}  # below zero: no request has these
        self._permits = self._batch.permits
        self.refused = 0
        self.tally: Tally | None = None
        loop.every(LEASE_LOOK_NS, self._look_at_leases)
        loop.every(SEGMENT_NS, self._rotate)

    def vitals(self) -> Mapping[str, Mapping[str, int | float]]:
        """What the engine says of itself; see engine.tally. Nothing without a tally."""
        if self.tally is None:
            return {}
        in_path = [leg for room in self._rooms.values() for leg in room.legs.values()]
        captures, since_ns = self._open_captures(), self._loop.now - SILENT_NS
        heard = [
            leg
            for room, capture in captures
            if not capture.paused
            for leg in room.legs.values()
            if not (leg.far and leg.far.held)
        ]
        silent = sum(max(leg.heard_ns, leg.connected_ns) < since_ns for leg in heard) + self._batch.silent(since_ns)
        return self.tally.vitals([*in_path, *self._batch.legs()], len(captures) + self._batch.captures, silent)

    # ---- the signaller

    def listen(self, path: str) -> None:
        """Listen for the signaller on a Unix socket."""
        self._door = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._door.bind(path)
        Path(path).chmod(0o600)
        self._door.listen(4)
        self._door.setblocking(False)
        self._loop.watch(self._door.fileno(), self._welcome)

    def _welcome(self) -> None:
        """Somebody connects. Who is served already stays until the newcomer has proven to be of this start."""
        peer, _ = self._door.accept()
        peer.setblocking(False)
        self._leave(self._candidate)
        self._candidate = peer
        self._loop.watch(peer.fileno(), partial(self._receive, peer))

    def _leave(self, peer: socket.socket | None) -> None:
        if peer is None:
            return
        self._loop.forget(peer.fileno())
        peer.close()
        if peer is self._peer:
            self._peer = None
            self._unsent.clear()
        elif peer is self._candidate:
            self._candidate = None

    def _receive(self, peer: socket.socket) -> bool:
        """Take one frame. False when there was none."""
        try:
            received, fds, _, _ = socket.recv_fds(peer, LARGEST_FRAME, 8)
            sockets = [socket.socket(fileno=fd) for fd in fds]
        except BlockingIOError:
            return False
        except OSError:
            received = b""
        if not received:
            self._leave(peer)
            return False
        try:
            frame = protocol.decode(received)
        except protocol.ProtocolMismatch as error:
            self.refused += 1
            self._answer(peer, Failed(why=str(error)))
            return True
        if peer is self._candidate:
            self._introduce(peer, frame)
        else:
            self._handle(frame, sockets)
        return True

    def _introduce(self, peer: socket.socket, frame: Any) -> None:
        """Serve whoever proves to be a signaller of this start, in the place of the one before."""
        if not isinstance(frame, protocol.Hello):
            self._answer(peer, Failed(n=frame.n, why="say hello first"))
        elif not hmac.compare_digest(frame.proof, protocol.hello_proof(self._key)):
            self.refused += 1
            self._answer(peer, Failed(n=frame.n, why="another start's key"))
        else:
            self._leave(self._peer)
            self._peer, self._candidate = peer, None
            for number, one in self._unended.items():
                self._tell(_interrupted(number, one))
            self._tell(Done(n=frame.n))

    def _answer(self, peer: socket.socket, frame: Frame) -> None:
        """Answer somebody who may not be served; what they do not take is lost."""
        with suppress(OSError):
            peer.send(protocol.encode(frame))

    def _handle(self, frame: Any, sockets: list[socket.socket]) -> None:
        handler = _HANDLERS.get(type(frame))
        if handler is None or getattr(frame, "side", SIDES[0]) not in SIDES:
            self._tell(Failed(n=frame.n, why="not a frame for an engine"))
            return
        beside = self._beside.concerns(frame)
        reply = self._beside.handle(frame, sockets) if beside else handler(self, frame, sockets)
        if reply is not None and frame.n:
            self._tell(msgspec.structs.replace(reply, n=frame.n))

    def _tell(self, frame: Frame, fds: Sequence[int] = ()) -> None:
        """Send a frame to the signaller; what the kernel does not take waits in order. Nothing is told to nobody."""
        if self.tally is not None:
            self.tally.note(frame)
        if self._peer is None:
            return
        self._unsent.append((protocol.encode(frame), list(fds)))
        if len(self._unsent) > MOST_UNSENT:
            self._leave(self._peer)
        elif not self._flushing:
            self._flush()

    def _flush(self) -> None:
        self._flushing = False
        try:
            while self._unsent and self._peer is not None:
                encoded, fds = self._unsent[0]
                if fds:
                    socket.send_fds(self._peer, [encoded], fds)
                else:
                    self._peer.send(encoded)
                self._unsent.popleft()
        except OSError as error:
            if error.errno not in _LATER:
                self._leave(self._peer)
                return
            self._flushing = True
            self._loop.at(self._loop.now + FLUSH_NS, self._flush)

    # ---- frames

    def _done(self, frame: Done, _: list[socket.socket]) -> None:
        self._unended.pop(frame.n, None)

    def _allocate(self, frame: protocol.Allocate, sockets: list[socket.socket]) -> Frame:
        if frame.call in self._rooms or len(sockets) != 4:
            return Failed(why="the call is here already, or it does not bring four sockets")
        entropy = [secrets.randbits(32) for _ in range(4)]
        room = Room(frame, sockets, self._loop, entropy, self._library, self._tell)
        self._rooms[frame.call] = room
        first = self._loop.now + secrets.randbelow(CHUNK_NS)  # spread, so that no turn of the loop tends them all
        self._loop.at(first, lambda: self._tend(room, secrets.randbelow(REPORTS_EVERY)))
        return Done()

    def _tend(self, room: Room, turn: int) -> None:
        """Twice a second, each call at its own time: close chunks, look for silence, report now and then."""
        if self._rooms.get(room.call) is not room:
            return
        if room.capture is not None and room.capture.account is None:
            room.capture.seal_tracks()
        room.watch_silence()
        if turn % 2 == 0:
            room.note_second()
        if turn % REPORTS_EVERY == 0:
            now_us = _now_us()
            for leg in room.legs.values():
                leg.report(now_us)
        self._loop.at(self._loop.now + CHUNK_NS, lambda: self._tend(room, turn + 1))

    def _connect(self, frame: protocol.Connect, _: list[socket.socket]) -> Frame:
        try:
            return self._in_room(frame.call, lambda room: room.connect(frame))
        except ValueError as error:
            return Failed(why=str(error))

    def _play(self, frame: protocol.Play, _: list[socket.socket]) -> Frame:
        return self._in_room(frame.call, lambda room: room.play(frame))

    def _stop_playing(self, frame: protocol.StopPlaying, _: list[socket.socket]) -> Frame:
        return self._in_room(frame.call, lambda room: room.stop_playing(frame.side))

    def _relay(self, frame: protocol.Relay, _: list[socket.socket]) -> Frame:
        return self._in_room(frame.call, lambda room: room.relay(frame.stop_keys))

    def _keep_context(self, frame: protocol.KeepContext, _: list[socket.socket]) -> Frame:
        return self._in_room(frame.call, lambda room: setattr(room, "context", frame.context))

    def _pause(self, frame: protocol.PauseCapture, _: list[socket.socket]) -> Frame:
        return self._in_room(frame.call, lambda room: room.pause_capture(frame.reason))

    def _in_room(self, call: str, act: Callable[[Room], object]) -> Frame:
        room = self._rooms.get(call)
        if room is None:
            return Failed(why=f"no call {call} here")
        act(room)
        return Done()

    def _open(self, frame: protocol.OpenCapture, _: list[socket.socket]) -> Frame:
        room = self._rooms.get(frame.call)
        wrong = self._why_not(room, frame)
        if room is None or wrong:
            return Failed(why=wrong)
        works = Clockwork(_now_us, lambda: self._loop.now, self._spool)
        sealer = begin_sealing(frame, self._wrapping, _now_us(), self._loop.now)
        room.stop_keys = frame.stop_keys
        room.capture = Capture(frame, sealer, room.legs, works, self._loop.now)
        for head in frame.prologue:
            prompt = self._library.find(head.prompt)
            if prompt is not None:
                room.capture.note_sent(head.side, head.prompt, head.started_ns, b"".join(prompt.ulaw[: head.frames]))
        return Done()

    def _why_not(self, room: Room | None, frame: protocol.OpenCapture) -> str:
        if not self._permits.authentic(frame):
            return "the permit is not authentic"
        if room is None or room.tenant != frame.tenant:
            return f"no call {frame.call} here"
        if room.capture is not None and room.capture.account is None:
            return "a recording is open already"
        if self._spool.broken:
            return f"the spool is broken: {self._spool.broken}"
        if frame.ledger_index < 0 or not set(frame.tracks) <= set(TRACKS) & set(frame.roster):
            return "the permit does not cover these tracks"
        return ""

    def _renew(self, frame: protocol.Renew, _: list[socket.socket]) -> None:
        if not self._permits.renews(frame):
            return
        for room in self._rooms.values():
            capture = room.capture
            if capture is not None and capture.permit.episode in frame.episodes:
                capture.lease_until_ns = frame.at_ns + capture.permit.lease_ms * 1_000_000
        self._batch.extend(frame)

    def _resume(self, frame: protocol.ResumeCapture, _: list[socket.socket]) -> Frame:
        room = self._rooms.get(frame.call)
        if not self._permits.authentic(frame):
            return Failed(why="the permit is not authentic")
        if room is None or room.capture is None or room.capture.permit.episode != frame.episode:
            return Failed(why="no recording of that episode is open")
        room.capture.resume(self._loop.now)
        return Done()

    def _close(self, frame: protocol.CloseCapture, _: list[socket.socket]) -> Frame:
        room = self._rooms.get(frame.call)
        return (room.close_capture(frame.reason) if room is not None else None) or Done()

    def _release(self, frame: protocol.Release, _: list[socket.socket]) -> Frame:
        room = self._rooms.pop(frame.call, None)
        return room.leave() if room is not None else protocol.Released(call=frame.call, counters={})

    def _read_contexts(self, frame: protocol.ReadContexts, _: list[socket.socket]) -> Frame:
        for room in self._rooms.values():
            permit = room.capture.permit if room.capture is not None else None
            held = protocol.HeldCall(
                tenant=room.tenant, call=room.call, context=room.context, episode=permit.episode if permit else "",
                recording=permit.recording if permit else "", paused=room.capture.paused if room.capture else "",
                rocs=room.rocs,
            )  # fmt: skip
            self._tell(held, [one.fileno() for one in room.sockets])
        for beside, sockets in self._batch.held():
            self._tell(beside, [one.fileno() for one in sockets])
        return Done()

    # ---- by itself

    def _look_at_leases(self) -> None:
        if self._batch.overdue() or any(capture.expired(self._loop.now) for _, capture in self._open_captures()):
            self._read_all()  # the renewal may be waiting behind whatever made this loop late
        broken = self._batch.end_overdue()
        for room, capture in self._open_captures():
            if broken:
                self._break(room, capture, broken)
            elif capture.expired(self._loop.now):
                room.pause_capture("lease ran out")
                self._tell(protocol.Paused(call=room.call, episode=capture.permit.episode, reason="lease ran out"))
        if broken:
            self._spool.retry()

    def _open_captures(self) -> list[tuple[Room, Capture]]:
        found = [(room, room.capture) for room in self._rooms.values()]
        return [(room, capture) for room, capture in found if capture is not None and capture.account is None]

    def _read_all(self) -> None:
        while self._peer is not None and self._receive(self._peer):
            pass

    def _break(self, room: Room, capture: Capture, why: str) -> None:
        account = capture.break_off(f"spool failed: {why}", self._loop.now)
        room.capture = None
        if account is not None:
            self._tell(account)
        self._tell(protocol.CaptureBroke(call=room.call, episode=capture.permit.episode, why=why))

    def _rotate(self) -> None:
        captures = [room.capture for room in self._rooms.values() if room.capture is not None]
        self._spool.rotate([one.carry() for one in captures if one.account is None] + self._batch.carried())

    def close(self) -> None:
        """End every recording in order; the calls' sockets close with the process."""
        for room in self._rooms.values():
            account = room.close_capture("engine stopped")
            if isinstance(account, Captured):
                self._tell(account)
        self._batch.end_all("engine stopped")
        self._spool.flush()


def _interrupted(number: int, one: Unended) -> Interrupted:
    elapsed_ms = max(0, (one.ended_us - one.started_us) // 1000)
    return Interrupted(
        n=number, tenant=one.tenant, call=one.call, recording=one.recording, chunks=one.chunks, head=one.head.hex(),
        captured_ms=elapsed_ms, ended_us=one.ended_us,
    )  # fmt: skip


def _now_us() -> int:
    return time.time_ns() // 1000


_HANDLERS: Mapping[type, Callable[[Desk, Any, list[socket.socket]], Frame | None]] = {
    protocol.Done: Desk._done, protocol.Allocate: Desk._allocate,
    protocol.Connect: Desk._connect, protocol.Play: Desk._play, protocol.StopPlaying: Desk._stop_playing,
    protocol.Relay: Desk._relay, protocol.KeepContext: Desk._keep_context, protocol.PauseCapture: Desk._pause,
    protocol.OpenCapture: Desk._open, protocol.Renew: Desk._renew, protocol.ResumeCapture: Desk._resume,
    protocol.CloseCapture: Desk._close, protocol.Release: Desk._release, protocol.ReadContexts: Desk._read_contexts,
}  # fmt: skip
