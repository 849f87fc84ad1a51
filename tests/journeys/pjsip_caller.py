"""Run by the Python of the peers, never imported: PJSIP calls over TLS, its sound in SRTP or not at all.

    pjsip_caller.py HOST URI WAV SECONDS

WAV is what it says: 16 bits, 8 kHz. Prints each state of the call, and `secured` with the suite.
"""

import os
import sys
import time

import pjsua2 as pj


class Call(pj.Call):
    """One call that plays a file."""

    player = None

    def onCallState(self, _prm):
        """Say it."""
        print("state", self.getInfo().stateText, self.getInfo().lastStatusCode, flush=True)

    def onCallMediaState(self, _prm):
        """Play into the call once it can be heard."""
        info = self.getInfo()
        if self.player is None and info.media and info.media[0].status == pj.PJSUA_CALL_MEDIA_ACTIVE:
            self.player = pj.AudioMediaPlayer()
            self.player.createPlayer(sys.argv[3], pj.PJMEDIA_FILE_NO_LOOP)
            self.player.startTransmit(self.getAudioMedia(0))
            print("playing", flush=True)


def main():
    """Call, stay, hang up."""
    host, uri, _, seconds = sys.argv[1:5]
    endpoint, config = pj.Endpoint(), pj.EpConfig()
    endpoint.libCreate()
    config.uaConfig.threadCnt, config.uaConfig.mainThreadOnly = 0, True
    config.logConfig.level = config.logConfig.consoleLevel = 4
    config.medConfig.clockRate = config.medConfig.sndClockRate = 8000
    config.medConfig.noVad, config.medConfig.ecTailLen = True, 0
    endpoint.libInit(config)
    endpoint.audDevManager().setNullDev()
    transport = pj.TransportConfig()
    transport.boundAddress = host
    transport.tlsConfig.verifyServer = False
    endpoint.transportCreate(pj.PJSIP_TRANSPORT_TLS, transport)
    endpoint.libStart()
    for codec in endpoint.codecEnum2():
        endpoint.codecSetPriority(codec.codecId, 255 if codec.codecId.startswith("PCMU") else 0)
    account, wanted = pj.Account(), pj.AccountConfig()
    wanted.idUri = f"sip:+12145550100@{host}"
    wanted.mediaConfig.srtpUse, wanted.mediaConfig.srtpSecureSignaling = pj.PJMEDIA_SRTP_MANDATORY, 0
    wanted.mediaConfig.transportConfig.boundAddress = host
    account.create(wanted)
    call = Call(account)
    call.makeCall(uri, pj.CallOpParam(True))
    ends, hung_up = time.monotonic() + float(seconds), False
    while time.monotonic() < ends + 2:
        endpoint.libHandleEvents(10)
        if time.monotonic() > ends and not hung_up:
            hung_up = True
            if call.isActive():
                call.hangup(pj.CallOpParam(True))
    print("ended", flush=True)
    os._exit(0)


main()
