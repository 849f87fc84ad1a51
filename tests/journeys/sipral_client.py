"""Run by the Python of the peers, never imported: sipral (AGPL) calls itself, and has the call recorded (RFC 7866).

    sipral_client.py HOST SERVER THIS_END FAR_END SECONDS

THIS_END and FAR_END are files of 16-bit samples, 8 kHz, that either end says. Prints a line when recording began, one at the end.
"""

import asyncio
import socket
import sys
import time
from pathlib import Path

from sipral import Stack

FRAME = 320  # bytes of 20 ms


def free_port(host: str) -> int:
    """A port that nothing uses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((host, 0))
        return int(one.getsockname()[1])


async def main() -> None:
    """One call, both of whose ends are ours, and its recording session."""
    host, server, this_end, far_end, seconds = sys.argv[1:6]
    sounds = [Path(this_end).read_bytes(), Path(far_end).read_bytes()]
    loop = asyncio.get_running_loop()
    port = free_port(host)
    far = Stack(bind_host=host, bind_port=port, loop=loop, codecs="PCMU")
    near = Stack(bind_host=host, loop=loop, codecs="PCMU", user_agent="sipral")
    far_address = f"{host}:{port}"
    far.add_account(f"sip:sales@{host}", registrar_address=far_address)
    account = near.add_account(f"sip:+12145550100@{host}", registrar_address=far_address)
    call = near.place_call(account, f"sip:sales@{far_address}", media_host=host, destination=far_address)
    answered = None
    while answered is None:
        event = await asyncio.wait_for(far.events.get(), 10)
        if event.kind_name == "incoming call":
            answered = far.answer_call(event, media_host=host)
    while call.media is None or answered.media is None:
        await asyncio.sleep(0.02)
    call.record_to(f"sip:srs@{server};transport=tcp", destination=server)
    print("recording", flush=True)
    began, at = time.monotonic(), 0
    while at < float(seconds) * 50:
        for one, sound in zip((call, answered), sounds, strict=True):
            frame = sound[at * FRAME : (at + 1) * FRAME]
            if len(frame) == FRAME:
                one.media.send_audio(frame)
        at += 1
        await asyncio.sleep(max(0.0, began + at * 0.02 - time.monotonic()))
    call.hangup()
    await asyncio.sleep(1)
    near.close()
    far.close()
    print("ended", flush=True)


asyncio.run(main())
