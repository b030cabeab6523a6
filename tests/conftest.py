"""Shared by all tests: makes helper modules beside the tests importable as ``tests.…``."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))
