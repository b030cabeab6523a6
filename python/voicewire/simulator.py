"""The other side in a box: a local realtime voice server to try and test against, without a key."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from voicewire import parse
from voicewire.exceptions import ConfigError, VoicewireError

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from voicewire._voicewire import SimulatorServer

__all__ = ["Simulator"]

Rules: TypeAlias = Sequence[dict[str, Any]] | str | os.PathLike[str]
DialectName: TypeAlias = Literal["ga", "beta", "azure", "azure-preview", "voice-live", "xai", "qwen"]


class Simulator:
    """A real WebSocket server on this machine that speaks the provider's protocol.

    It starts on entering ``with`` or ``async with`` (or by ``start``), and stops on leaving::

        with vw.Simulator(script=[{"say": "Hello."}]) as simulator:
            client = vw.RealtimeClient("openai/gpt-realtime", url=simulator.url)

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 picks one.
        dialect: How it speaks: "ga", "beta", "azure", "azure-preview", "voice-live", "xai" or "qwen". None goes by the
            path: ``/v1/realtime`` is GA, ``/openai/v1/realtime`` Azure, ``/openai/realtime`` Azure's dated versions,
            ``/voice-live/realtime`` Voice Live, ``/api-ws/v1/realtime`` Qwen. xAI has GA's path and must be named.
            Paths that end in ``BidiGenerateContent`` are Gemini Live, whatever is named here.
        beta: What happens on GA's path to clients that ask for beta by header or subprotocol: "refuse" closes as the
            service does, "allow" serves the beta shape.
        tls: Serve ``wss://`` and ``https://``; ``ca_file`` is the authority to trust. The certificate is made at start
            and good for localhost, 127.0.0.1 and ::1.
        api_key: The one key that is accepted; None accepts any.
        refusal: How a wrong key or model is refused: "http" (401, 404) or "event" (error event and close).
        models: Models that exist; None accepts any.
        seed: Seed of ids and noise: equal seeds give equal sessions.
        latency_ms: Delay before every event.
        pace: Speed at which audio is sent, in times of real time; services send at about 12. 0 does not wait.
        delta_ms: Audio in one delta.
        stragglers: Deltas that still arrive after a cancellation.
        obfuscation: Pad text deltas with the field ``obfuscation``, as the service does.
        rate_limits: Send ``rate_limits.updated`` after each response; the service often leaves it out.
        script: Rules of what to answer: a list of dicts, or the path of a TOML or JSON file; docs/simulator.md has
            their keys.
        faults: Faults to inject: a list of dicts, or the path of a TOML or JSON file.
        gemini: What is special to Gemini Live: "frames", "binary" (default) or "text"; "call_ids", False for calls
            without ids; "content_mid_session", whether ``clientContent`` may follow a turn of the model (None: as the
            model has it).

    Raises:
        ConfigError: An option is wrong; what is wrong inside a rule is told when the simulator starts.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        dialect: DialectName | None = None,
        beta: Literal["refuse", "allow"] = "refuse",
        tls: bool = False,
        api_key: str | None = None,
        refusal: Literal["http", "event"] = "http",
        models: Sequence[str] | None = None,
        seed: int = 0,
        latency_ms: int = 0,
        pace: float = 12.0,
        delta_ms: int = 250,
        stragglers: int = 3,
        obfuscation: bool = True,
        rate_limits: bool = True,
        script: Rules | None = None,
        faults: Rules | None = None,
        gemini: dict[str, Any] | None = None,
    ) -> None:
        self._options: dict[str, Any] = {
            "host": parse.text("host", host),
            "port": parse.integer("port", port, 0, 65_535),
            "dialect": None if dialect is None else parse.choice("dialect", dialect, get_args(DialectName)),
            "tls": bool(tls),
            "beta": parse.choice("beta", beta, ("refuse", "allow")),
            "api_key": None if api_key is None else parse.text("api_key", api_key),
            "refusal": parse.choice("refusal", refusal, ("http", "event")),
            "models": None if models is None else [parse.text("models", model) for model in models],
            "seed": parse.integer("seed", seed, 0, 2**63 - 1),
            "latency_ms": parse.integer("latency_ms", latency_ms, 0, 60_000),
            "pace": parse.number("pace", pace),
            "delta_ms": parse.integer("delta_ms", delta_ms, 1, 10_000),
            "stragglers": parse.integer("stragglers", stragglers, 0, 1_000),
            "obfuscation": parse.flag("obfuscation", obfuscation),
            "rate_limits": parse.flag("rate_limits", rate_limits),
            "gemini": _read_gemini(gemini or {}),
        }
        self._script = _read_rules("script", "rules", script)
        self._faults = _read_rules("faults", "faults", faults)
        self._server: SimulatorServer | None = None
        self._ledger = _Ledger()
        self._cpu_s = 0.0
        self._connections: list[dict[str, Any]] = []
        self._requests: list[dict[str, Any]] = []

    def start(self) -> Self:
        """Begin to listen; returns the simulator.

        Raises:
            OSError: The address cannot be had.
        """
        from voicewire import _voicewire

        if self._server is not None:
            raise VoicewireError(f"simulator already started: {self.url}")
        options = {**self._options, "script": self._script, "faults": self._faults}
        self._server = _voicewire.SimulatorServer(json.dumps(options))
        self._ledger = _Ledger()
        return self

    def stop(self) -> None:
        """Close all connections and stop to listen. What was received can still be read. Idempotent.

        In a forked child it lets go: the server is the parent's, and goes on.
        """
        server, self._server = self._server, None
        if server is None:
            return
        try:
            self._ledger.catch_up(server)
            self._connections = _read(server.connections())
            self._requests = [json.loads(text) for text in server.requests()]
            self._cpu_s = server.cpu_s()
        finally:
            server.stop()

    def assert_sent(self, type: str, **fields: Any) -> dict[str, Any]:
        """Return the first client event of this type whose fields fit; dicts need only contain what is asked.

        A message of Gemini Live has its key for a type, as "realtimeInput", and its fields are those below the key.

        Raises:
            AssertionError: No such event arrived so far; it tells what did.
        """
        if (found := _first(self.received, type, fields)) is not None:
            return found
        raise AssertionError(_missing(self.received, type, fields))

    async def wait_for(self, type: str, timeout: float = 5.0, **fields: Any) -> dict[str, Any]:
        """Wait until a client event of this type arrived, and return it; one that came earlier counts.

        Raises:
            TimeoutError: It did not come within ``timeout`` seconds.
        """
        deadline = time.monotonic() + timeout
        while (found := _first(self.received, type, fields)) is None:
            known = self._ledger.count
            await asyncio.to_thread(self._wait_received, known, deadline, type, fields)
        return found

    def wait_for_sync(self, type: str, timeout: float = 5.0, **fields: Any) -> dict[str, Any]:
        """Wait as ``wait_for`` does, and block meanwhile."""
        deadline = time.monotonic() + timeout
        while (found := _first(self.received, type, fields)) is None:
            self._wait_received(self._ledger.count, deadline, type, fields)
        return found

    @property
    def url(self) -> str:
        """WebSocket base address; it ends in ``/v1``, and begins with ``wss`` under TLS."""
        return self._running().url()

    @property
    def http_url(self) -> str:
        """HTTP base address of secrets and calls; it ends in ``/v1``, and begins with ``https`` under TLS."""
        return self._running().http_url()

    @property
    def gemini_url(self) -> str:
        """WebSocket base address of Gemini Live, without a path; it begins with ``wss`` under TLS."""
        return self._running().gemini_url()

    @property
    def ca_file(self) -> str | None:
        """Path of the PEM file to trust, for a client's ``ca=``; None without TLS, removed when the simulator stops."""
        return self._running().ca_file()

    @property
    def received(self) -> list[dict[str, Any]]:
        """All client events so far, of all connections, in order."""
        return self._ledger.catch_up(self._server)

    @property
    def connections(self) -> list[dict[str, Any]]:
        """All connections so far: path, headers (secrets masked) and received events of each."""
        if self._server is None:
            return self._connections
        return _read(self._server.connections())

    @property
    def requests(self) -> list[dict[str, Any]]:
        """All HTTP requests so far: method, path, body (parsed JSON, None if empty) and status of the answer.

        Of a form, the body is a dict of its parts.
        """
        if self._server is None:
            return self._requests
        return [json.loads(text) for text in self._server.requests()]

    @property
    def cpu_s(self) -> float:
        """CPU seconds that the simulator's own threads used."""
        return self._cpu_s if self._server is None else self._server.cpu_s()

    @property
    def script(self) -> list[dict[str, Any]]:
        """Rules of what to answer; may be set while it runs, and holds from the next turn on."""
        return self._script

    @script.setter
    def script(self, rules: Rules | None) -> None:
        script = _read_rules("script", "rules", rules)
        if self._server is not None:
            self._server.set_script(json.dumps(script))
        self._script = script

    @property
    def faults(self) -> list[dict[str, Any]]:
        """Faults to inject; may be set while it runs."""
        return self._faults

    @faults.setter
    def faults(self, rules: Rules | None) -> None:
        faults = _read_rules("faults", "faults", rules)
        if self._server is not None:
            self._server.set_faults(json.dumps(faults))
        self._faults = faults

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def __aenter__(self) -> Self:
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.stop)

    def __repr__(self) -> str:
        return f"<Simulator {self.url if self._server is not None else 'stopped'}>"

    def _running(self) -> SimulatorServer:
        if self._server is None:
            raise VoicewireError("simulator is not running")
        return self._server

    def _wait_received(self, known: int, deadline: float, type: str, fields: dict[str, Any]) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or self._server is None:
            raise TimeoutError(_missing(self.received, type, fields))
        # In slices: a waiting task that is cancelled leaves its thread for one slice at most.
        self._server.wait_received(known, min(left, _SLICE_S))


class _Ledger:
    """Client events, parsed once each; what is no JSON object is no event."""

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = []
        self._count = 0
        self._lock = threading.Lock()

    def catch_up(self, server: SimulatorServer | None) -> list[dict[str, Any]]:
        with self._lock:
            if server is not None:
                texts = server.received(self._count)
                self._count += len(texts)
                self._events += (event for text in texts if (event := _json_object(text)) is not None)
            return list(self._events)

    @property
    def count(self) -> int:
        """Messages taken in, events or not."""
        return self._count


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _read_rules(field: str, key: str, rules: Rules | None) -> list[dict[str, Any]]:
    if rules is None:
        return []
    if isinstance(rules, (str, os.PathLike)):
        rules = _read_file(field, key, Path(rules))
    if not isinstance(rules, (list, tuple)) or not all(isinstance(rule, dict) for rule in rules):
        raise ConfigError(f"{field} is no list of dicts", field=field, value=rules)
    return list(rules)


def _read_file(field: str, key: str, path: Path) -> Any:
    import tomllib

    try:
        text = path.read_text(encoding="utf-8")
        content: Any = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except OSError as error:
        raise ConfigError(f"{field} cannot be read ({error.strerror})", field=field, value=str(path)) from error
    except ValueError as error:
        raise ConfigError(f"{field} is no TOML or JSON ({error})", field=field, value=str(path)) from error
    return content.get(key) if isinstance(content, dict) else content


def _read_gemini(options: dict[str, Any]) -> dict[str, Any]:
    parse.known_names("key of gemini", options, ("frames", "call_ids", "content_mid_session"))
    allowed = options.get("content_mid_session")
    return {
        "frames": parse.choice("gemini.frames", options.get("frames", "binary"), ("binary", "text")),
        "call_ids": parse.flag("gemini.call_ids", options.get("call_ids", True)),
        "content_mid_session": None if allowed is None else parse.flag("gemini.content_mid_session", allowed),
    }


def _first(events: list[dict[str, Any]], type: str, fields: dict[str, Any]) -> dict[str, Any] | None:
    return next((event for event in events if _type(event) == type and _has(event, fields)), None)


def _type(event: dict[str, Any]) -> str | None:
    """The type; of a message of Gemini Live its one key, which clients write in either style."""
    if "type" in event or len(event) != 1:
        return event.get("type")
    first, *others = next(iter(event)).split("_")
    return first + "".join(other.capitalize() for other in others)


def _has(event: dict[str, Any], fields: dict[str, Any]) -> bool:
    return _fits(event, fields) or ("type" not in event and _fits(next(iter(event.values()), None), fields))


def _fits(given: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict) and isinstance(given, dict):
        return all(name in given and _fits(given[name], value) for name, value in wanted.items())
    return bool(given == wanted)


def _missing(events: list[dict[str, Any]], type: str, fields: dict[str, Any]) -> str:
    alike = [event for event in events if _type(event) == type]
    came = alike if alike else [_type(event) for event in events]
    wanted = f"{type} with {fields}" if fields else type
    return f"client event not received: {wanted}; what came: {came}"


_SLICE_S = 0.2


def _read(connections: Sequence[str]) -> list[dict[str, Any]]:
    read = [json.loads(text) for text in connections]
    # As `received`: what is no JSON object is no event.
    return [
        {**each, "received": [event for text in each["received"] if (event := _json_object(text)) is not None]}
        for each in read
    ]
