"""Why the compiled core cannot be loaded, in words that say what to do."""

from __future__ import annotations

import sysconfig

__all__ = ["explained"]

_CORE = "voicewire._voicewire"


def explained(error: ImportError) -> ImportError:
    """The error to raise in place of one that an import of ours gave; the same where it has nothing to add."""
    words = _words(error)
    return error if words is None else ImportError(words, name=_CORE)


def _words(error: ImportError) -> str | None:
    if "does not support loading in subinterpreters" in str(error) and _CORE in str(error):
        return (
            "voicewire cannot be loaded by an isolated sub-interpreter, its core has state of the whole process: "
            "use threads or processes in place of sub-interpreters"
        )
    if error.name != _CORE or not isinstance(error, ModuleNotFoundError):
        return None
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        return (
            "voicewire has no compiled core for free-threaded Python, whose extensions are built apart: install it "
            "from source (pip install --no-binary voicewire voicewire, which needs Rust), or use the ordinary Python"
        )
    return "voicewire has no compiled core for this Python: install a wheel, or in a checkout run maturin develop"
