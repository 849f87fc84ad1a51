"""Run by the Python of the peers, never imported: sipral (AGPL) calls itself, and has the call recorded (RFC 7866).

    sipral_client.py HOST FAR_PORT PROXY THIS_END FAR_END SECONDS

PROXY is where sipral's one TCP connection leads: it takes `sales` to FAR_PORT of HOST, and `srs` to the recording server.
THIS_END and FAR_END are files of 16-bit samples, 8 kHz, that either end says. Prints a line when recording began, one at the end.
"""

import asyncio
import sys
import time
from pathlib import Path

from sipral import Stack
from sipral.enums import Transport

FRAME = 320  # bytes of 20 ms


async def main() -> None:
    """One call, both of whose ends are ours, and its recording session."""
    host, far_port, proxy, this_end, far_end, seconds = sys.argv[1:7]
    sounds = [Path(this_end).read_bytes(), Path(far_end).read_bytes()]
    loop = asyncio.get_running_loop()
    far = Stack(bind_host=host, bind_port=int(far_port), loop=loop, codecs="PCMU")
    near = Stack(bind_host=host, loop=loop, codecs="PCMU", signalling=Transport.TCP, signalling_server=proxy)
    far.add_account(f"sip:sales@{host}", registrar_address=proxy)
    account = near.add_account(f"sip:+12145550100@{host}", registrar_address=proxy)
    call = near.place_call(account, f"sip:sales@{proxy}", media_host=host, destination=proxy)
    answered = None
    while answered is None:
        event = await asyncio.wait_for(far.events.get(), 10)
        if event.kind_name == "incoming call":
            answered = far.answer_call(event, media_host=host)
    while call.media is None or answered.media is None:
        await asyncio.sleep(0.02)
    call.record_to(f"sip:srs@{proxy};transport=tcp", destination=proxy)
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
