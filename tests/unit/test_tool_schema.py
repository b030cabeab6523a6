"""The definition of a tool from a function, and what its arguments become."""

import enum
import json
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from pydantic import BaseModel, Field

import voicewire as vw
from voicewire.tool_schema import ArgumentsError, definition_of, reader_of_schema


class Unit(enum.Enum):
    CELSIUS = "celsius"
    FAHRENHEIT = "fahrenheit"


@dataclass
class Place:
    city: str
    country: str = "GB"


class Window(TypedDict):
    start: date
    end: NotRequired[date]


class Filter(BaseModel):
    limit: int = Field(5, ge=1, le=10)


def schema_of(function: Any) -> dict[str, Any]:
    return definition_of(function, "f", None)[0]["parameters"]


def read(function: Any, arguments: Any) -> dict[str, Any]:
    return definition_of(function, "f", None)[1](json.dumps(arguments))


def refusal(function: Any, arguments: Any) -> str:
    with pytest.raises(ArgumentsError) as caught:
        read(function, arguments)
    return str(caught.value)


def test_plain_types_and_defaults() -> None:
    def f(city: str, days: int = 3, exact: bool = False, scale: float = 1.5) -> None: ...

    assert schema_of(f) == {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer", "default": 3},
            "exact": {"type": "boolean", "default": False},
            "scale": {"type": "number", "default": 1.5},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


def test_a_function_without_parameters() -> None:
    def f() -> str: ...

    assert schema_of(f) == {"type": "object", "properties": {}, "additionalProperties": False}
    assert read(f, {}) == {}


def test_literal_enum_and_optional() -> None:
    def f(unit: Unit, mode: Literal["fast", "slow"] = "fast", note: str | None = None) -> None: ...

    schema = schema_of(f)

    assert schema["properties"]["mode"] == {"type": "string", "enum": ["fast", "slow"], "default": "fast"}
    assert schema["properties"]["note"] == {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}
    assert schema["$defs"]["Unit"] == {"type": "string", "enum": ["celsius", "fahrenheit"]}
    assert schema["required"] == ["unit"]


def test_nested_shapes_have_schemas() -> None:
    def f(place: Place, window: Window, query: Filter, tags: list[str]) -> None: ...

    schema = schema_of(f)

    assert schema["$defs"]["Place"]["required"] == ["city"]
    assert schema["$defs"]["Window"]["properties"]["start"] == {"type": "string", "format": "date"}
    assert schema["$defs"]["Filter"]["properties"]["limit"]["maximum"] == 10
    assert schema["properties"]["tags"] == {"type": "array", "items": {"type": "string"}}


def test_handlers_get_instances() -> None:
    def f(unit: Unit, place: Place, window: Window, query: Filter) -> None: ...

    arguments = read(
        f, {"unit": "celsius", "place": {"city": "Ulm"}, "window": {"start": "2026-01-02"}, "query": {"limit": 2}}
    )

    assert arguments == {
        "unit": Unit.CELSIUS,
        "place": Place("Ulm"),
        "window": {"start": date(2026, 1, 2)},
        "query": Filter(limit=2),
    }


def test_a_parameter_may_be_called_title_or_schema() -> None:
    def f(title: str, schema: str, model_config: int = 1) -> None: ...

    assert list(schema_of(f)["properties"]) == ["title", "schema", "model_config"]
    assert read(f, {"title": "a", "schema": "b"}) == {"title": "a", "schema": "b"}


def test_annotated_fields_describe_and_bound() -> None:
    def f(n: Annotated[int, Field(ge=1, description="How many.")]) -> None: ...

    assert schema_of(f)["properties"]["n"] == {"type": "integer", "minimum": 1, "description": "How many."}
    assert "n: Input should be greater than or equal to 1" in refusal(f, {"n": 0})


@pytest.mark.parametrize(
    "words",
    [
        "Find flights.\n\nDirect ones first.\n\nArgs:\n    origin: Where from.\n    day: When.\n",
        "Find flights.\n\nDirect ones first.\n\nParameters\n----------\n"
        "origin : str\n    Where from.\nday : str\n    When.\n",
        "Find flights.\n\nDirect ones first.\n\n:param origin: Where from.\n:param day: When.\n",
    ],
    ids=["google", "numpy", "rest"],
)
def test_docstrings_describe(words: str) -> None:
    def f(origin: str, day: str) -> None: ...

    f.__doc__ = words
    definition, _ = definition_of(f, "flights", None)

    assert definition["description"] == "Find flights.\n\nDirect ones first."
    described = {name: schema["description"] for name, schema in definition["parameters"]["properties"].items()}
    assert described == {"origin": "Where from.", "day": "When."}


def test_methods_partials_and_callable_objects() -> None:
    class Robot:
        def move(self, distance: int, speed: int) -> None:
            """Move."""

        def __call__(self, n: int) -> None:
            """Count."""

    assert list(schema_of(Robot().move)["properties"]) == ["distance", "speed"]
    assert list(schema_of(partial(Robot().move, speed=3))["properties"]) == ["distance"]
    assert list(schema_of(Robot())["properties"]) == ["n"]


def test_keywords_allow_more() -> None:
    def f(a: int, **more: Any) -> None: ...

    assert schema_of(f)["additionalProperties"] is True
    assert read(f, {"a": 1, "b": 2}) == {"a": 1, "b": 2}


def test_defaults_stay_with_the_function() -> None:
    sentinel = object()

    def f(a: int, b: Any = sentinel) -> None: ...

    assert read(f, {"a": 1}) == {"a": 1}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({}, "days: Field required"),
        ({"days": "3"}, "days: Input should be a valid integer"),
        ({"days": True}, "days: Input should be a valid integer"),
        ({"days": 1, "x": 2}, "x: Extra inputs are not permitted"),
        ([1], "arguments are no JSON object"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_by_name(arguments: Any, told: str) -> None:
    def f(days: int) -> None: ...

    assert told in refusal(f, arguments)


def test_text_that_is_no_json_is_refused() -> None:
    def f(a: int) -> None: ...

    with pytest.raises(ArgumentsError, match="no JSON"):
        definition_of(f, "f", None)[1]('{"a": ')


def f_without_annotation(a) -> None: ...  # type: ignore[no-untyped-def]
def f_positional(a: int, /) -> None: ...
def f_many(*a: int) -> None: ...
def f_unwritable(a: "socket") -> None: ...  # type: ignore[name-defined] # noqa: F821
def f_odd(a: "type[subprocess.Popen[bytes]] | subprocess.Popen[bytes]") -> None: ...


@pytest.mark.parametrize("function", [f_without_annotation, f_positional, f_many, f_unwritable, f_odd])
def test_what_cannot_be_described_is_a_config_error(function: Any) -> None:
    with pytest.raises(vw.ConfigError, match="tool broken"):
        definition_of(function, "broken", None)


def test_a_long_description_is_refused() -> None:
    def f() -> None: ...

    with pytest.raises(vw.ConfigError, match="longer than 1024"):
        definition_of(f, "f", "x" * 1025)


def test_a_schema_of_one_s_own_is_strict() -> None:
    read = reader_of_schema(
        "f",
        {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False},
    )

    assert read('{"n": 1}') == {"n": 1}
    with pytest.raises(ArgumentsError, match="n must be integer"):
        read('{"n": "1"}')
    with pytest.raises(ArgumentsError, match="n"):
        read("{}")


@pytest.mark.parametrize("schema", [{"type": "nonsense"}, {"$ref": "https://example.com/schema.json"}])
def test_a_schema_that_is_none_is_a_config_error(schema: dict[str, Any]) -> None:
    with pytest.raises(vw.ConfigError, match="no JSON schema"):
        reader_of_schema("f", schema)


def test_annotations_may_name_what_the_caller_sees() -> None:
    @dataclass
    class Local:
        a: int

    def f(value: "Local") -> None: ...

    client = vw.RealtimeClient("sim/demo")
    client.tool(f)

    assert client._toolbox.merged(())[0]["parameters"]["$defs"]["Local"]["required"] == ["a"]


def test_clients_without_tools_load_no_schema_library() -> None:
    code = (
        "import sys, voicewire as vw; vw.RealtimeClient('sim/demo');"
        "print([name for name in ('pydantic', 'fastjsonschema', 'docstring_parser') if name in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "[]"
