"""The definition of a tool from a function: its schema from type hints, its words from the docstring."""

from __future__ import annotations

import functools
import inspect
import json
import operator
import sys
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin, get_type_hints, is_typeddict

from voicewire.exceptions import ConfigError

__all__ = ["ArgumentsError", "Reader", "definition_of", "reader_of_schema"]

Reader: TypeAlias = Callable[[str], dict[str, Any]]
"""Reads the arguments of a call, as text, into keywords for the handler."""

# Services drop a whole configuration without a word where a description is longer.
_LONGEST_DESCRIPTION = 1024
_ERRORS_TOLD = 5


class ArgumentsError(Exception):
    """Arguments that the handler must not see; the text is for the model."""


def definition_of(
    function: Callable[..., Any], name: str, description: str | None, scope: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], Reader]:
    """Make the definition of a tool, and the reader of its arguments.

    Args:
        function: Its parameters are annotated; ``**kwargs`` allows further arguments.
        name: Name of the tool.
        description: What the model reads, in place of the docstring.
        scope: Names that annotations may use, beside those of the function's module.

    Raises:
        ConfigError: A parameter has no annotation or none that JSON can hold; it names tool and parameter.
    """
    parameters = _parameters(function, name)
    hints = _hints(function, name, scope)
    summary, words = _docstring(function)
    text = summary if description is None else description
    _check_length(f"description of tool {name}", text)
    for parameter, told in words.items():
        _check_length(f"description of {name}({parameter})", told)
    model = _model(name, parameters, hints, words)
    schema = _plain(_schema(model, name))
    definition = {"type": "function", "name": name, "description": text, "parameters": schema}
    return definition, functools.partial(_read, model, _names(parameters))


def reader_of_schema(name: str, schema: Mapping[str, Any]) -> Reader:
    """Make the reader for a JSON schema that the application wrote.

    Raises:
        ConfigError: It is no JSON schema.
    """
    import fastjsonschema

    try:
        check = fastjsonschema.compile(
            dict(schema), handlers={"http": _refuse, "https": _refuse}, use_default=False, detailed_exceptions=False
        )
    except Exception as error:
        field = f"parameters of tool {name}"
        raise ConfigError(f"{field} are no JSON schema: {error}", field=field) from error

    def read(text: str) -> dict[str, Any]:
        arguments = _object(text)
        try:
            check(arguments)
        except fastjsonschema.JsonSchemaValueException as error:
            raise ArgumentsError(str(error.message).replace("data.", "", 1)) from None
        return arguments

    return read


def _refuse(uri: str) -> Any:
    raise ValueError(f"schema refers to another host: {uri}")


def _parameters(function: Callable[..., Any], name: str) -> list[inspect.Parameter]:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"tool {name} has no signature", field="handler", value=function) from error
    fixed = function.keywords if isinstance(function, functools.partial) else {}
    found = [parameter for parameter in signature.parameters.values() if parameter.name not in fixed]
    for parameter in found:
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL):
            raise ConfigError(f"tool {name}: parameter cannot be given by name: {parameter.name}", field=parameter.name)
    return found


def _hints(function: Callable[..., Any], name: str, scope: Mapping[str, Any] | None) -> dict[str, Any]:
    target: Any = function
    while isinstance(target, functools.partial):
        target = target.func
    if not inspect.isroutine(target) and not inspect.isclass(target):
        target = type(target).__call__
    try:
        return get_type_hints(target, localns=dict(scope or {}), include_extras=True)
    except NameError as error:
        raise ConfigError(f"tool {name}: annotation cannot be read: {error}", field="handler") from error


def _names(parameters: list[inspect.Parameter]) -> dict[str, str]:
    """Field of the model → parameter; the model's own methods have names that parameters may have too."""
    named = [parameter for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]
    return {f"p{at}": parameter.name for at, parameter in enumerate(named)}


def _model(name: str, parameters: list[inspect.Parameter], hints: dict[str, Any], words: dict[str, str]) -> Any:
    from pydantic import ConfigDict, Field, create_model

    by_name = {parameter.name: parameter for parameter in parameters}
    fields: dict[str, Any] = {}
    for field, parameter in _names(parameters).items():
        if parameter not in hints:
            raise ConfigError(f"tool {name}: parameter has no annotation: {parameter}", field=parameter)
        default = by_name[parameter].default
        told: dict[str, Any] = {"description": words[parameter]} if parameter in words else {}
        default = ... if default is inspect.Parameter.empty else default
        fields[field] = (_portable(hints[parameter]), Field(default=default, alias=parameter, **told))
    takes_more = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    config = ConfigDict(strict=True, extra="allow" if takes_more else "forbid")
    try:
        return create_model(name, __config__=config, **fields)
    except Exception as error:
        raise ConfigError(f"tool {name}: a parameter has no JSON form: {error}", field="handler") from error


def _portable(hint: Any) -> Any:
    """The same hint with the ``TypedDict``s that pydantic can read: before Python 3.12, those of typing it cannot."""
    if sys.version_info >= (3, 12):
        return hint
    if is_typeddict(hint):
        return _portable_dict(hint)
    arguments = get_args(hint)
    ported = tuple(_portable(argument) for argument in arguments)
    if ported == arguments:
        return hint
    if get_origin(hint) is Annotated:
        return Annotated[(ported[0], *hint.__metadata__)]
    if get_origin(hint) in (Union, types.UnionType):
        return functools.reduce(operator.or_, ported)
    return get_origin(hint)[ported]


def _portable_dict(hint: Any) -> Any:
    import typing_extensions

    fields = {
        key: typing_extensions.NotRequired[_portable(value)] if key in hint.__optional_keys__ else _portable(value)
        for key, value in get_type_hints(hint, include_extras=False).items()
    }
    return typing_extensions.TypedDict(hint.__name__, fields)  # type: ignore[operator]


def _schema(model: Any, name: str) -> dict[str, Any]:
    import warnings

    try:
        with warnings.catch_warnings():
            # A default without a JSON form is left out of the schema, and used all the same.
            warnings.simplefilter("ignore")
            schema: dict[str, Any] = model.model_json_schema(by_alias=True)
    except Exception as error:
        raise ConfigError(f"tool {name}: a parameter has no JSON form: {error}", field="handler") from error
    schema.setdefault("properties", {})
    return schema


def _plain(schema: Any, *, is_names: bool = False) -> Any:
    """The schema without titles, which repeat the names."""
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: _plain(value, is_names=not is_names and key in ("properties", "$defs"))
        for key, value in schema.items()
        if is_names or key != "title" or not isinstance(value, str)
    }


def _docstring(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    target: Any = function
    while isinstance(target, functools.partial):
        target = target.func
    if not inspect.isroutine(target):
        target = type(target).__call__ if type(target).__call__.__doc__ else type(target)
    text = inspect.getdoc(target)
    if not text:
        return "", {}
    from docstring_parser import parse

    parsed = parse(text)
    summary = "\n\n".join(part for part in (parsed.short_description, parsed.long_description) if part)
    return summary, {param.arg_name: param.description for param in parsed.params if param.description}


def _check_length(field: str, text: str) -> None:
    if len(text) > _LONGEST_DESCRIPTION:
        raise ConfigError(f"{field} is longer than {_LONGEST_DESCRIPTION} characters: {len(text)}", field=field)


def _read(model: Any, names: dict[str, str], text: str) -> dict[str, Any]:
    from pydantic import ValidationError

    _object(text)
    try:
        made = model.model_validate_json(text)
    except ValidationError as error:
        raise ArgumentsError(_told(error)) from None
    given = {names[field]: getattr(made, field) for field in made.model_fields_set if field in names}
    return {**given, **(made.model_extra or {})}


def _told(error: Any) -> str:
    problems = error.errors(include_url=False, include_context=False)
    told = [f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}" for problem in problems]
    return "; ".join(told[:_ERRORS_TOLD])


def _object(text: str) -> dict[str, Any]:
    try:
        arguments = json.loads(text)
    except ValueError as error:
        raise ArgumentsError(f"arguments are no JSON: {error}") from None
    if not isinstance(arguments, dict):
        raise ArgumentsError("arguments are no JSON object")
    return arguments
