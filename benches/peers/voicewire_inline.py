"""voicewire with handlers, its sessions on the event loop's own thread."""

from __future__ import annotations

from measure import main
from voicewire_handlers import HandlersPeer

import voicewire as vw

if __name__ == "__main__":
    vw.configure(driver="inline")
    main(HandlersPeer)
