"""``python -m voicewire``."""

import sys

from voicewire.cli import main

sys.exit(main())
