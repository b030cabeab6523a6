"""voicewire with handlers, on uvloop."""

from __future__ import annotations

import uvloop
from measure import main
from voicewire_handlers import HandlersPeer


class UvloopPeer(HandlersPeer):
    loop_factory = uvloop.new_event_loop
    packages = ("voicewire", "numpy", "uvloop")


if __name__ == "__main__":
    main(UvloopPeer)
