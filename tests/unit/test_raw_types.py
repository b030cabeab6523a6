"""The shapes of the raw wire have every declared event and field."""

from typing import Any, get_args, get_type_hints

import pytest
from tests.interop.wire_table import Dialect, load

from voicewire import raw

OBSERVED = {"obfuscation"}


def shapes(union: Any) -> dict[str, Any]:
    """TypedDicts of a union by the wire type that they declare."""
    return {get_args(get_type_hints(shape)["type"])[0]: shape for shape in get_args(union)}


@pytest.fixture(scope="module")
def table() -> Dialect:
    found = load("ga")
    if found is None:
        pytest.skip("table of the wire is not there")
    return found


@pytest.mark.parametrize("side", ["server", "client"])
def test_each_event_has_its_declared_fields(table: Dialect, side: str) -> None:
    events = getattr(table, side)
    known = shapes(raw.ServerEvent if side == "server" else raw.ClientEvent)

    assert set(known) == set(events)
    for name, event in events.items():
        fields = table.fields(event)
        required = {field for field, schema in fields.items() if schema.get("required")}
        assert set(known[name].__annotations__) - OBSERVED == set(fields) - OBSERVED, name
        assert known[name].__required_keys__ == required, name


def test_every_name_is_exported() -> None:
    assert {name for name in vars(raw) if name[0].isupper()} == set(raw.__all__) - {"gemini"}
