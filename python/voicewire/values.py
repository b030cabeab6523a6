"""Classes of plain values: dataclasses whose methods are shared, since compiling them was most of our import."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]


def _dataclass(cls: type | None = None, /, *, frozen: bool = False, eq: bool = True, **options: Any) -> Any:
    """Make a dataclass as ``dataclasses.dataclass`` does, without code of its own for init, repr, eq and hash.

    Takes ``frozen``, ``eq``, ``kw_only`` and ``slots``. A method that the class itself defines stays.
    """
    if cls is None:
        return lambda cls: _dataclass(cls, frozen=frozen, eq=eq, **options)
    own = set(vars(cls))
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, **options)(cls)
    methods: dict[str, Any] = {"__repr__": _repr}
    if eq and "__eq__" not in own:
        methods |= {"__eq__": _eq, "__hash__": _hash if frozen else None}
    if "__init__" not in own:
        init = _initialiser(made)
        methods |= {"__init__": init, "__signature__": _Signature(init)}
    if frozen:
        methods |= {"__setattr__": _refuse_setting, "__delattr__": _refuse_deleting}
    if frozen and options.get("slots"):
        # Copying and pickling would set attributes one by one.
        methods |= {"__getstate__": _state, "__setstate__": _set_state}
    # What dataclasses.dataclass asks of the base of a dataclass.
    made.__dataclass_params__.frozen = frozen
    for name, method in methods.items():
        if name not in own:
            setattr(made, name, method)
    return made


if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    dataclass = _dataclass


def _initialiser(cls: Any) -> Callable[..., None]:
    plan = dataclasses.fields(cls)
    positional = tuple(field.name for field in plan if not field.kw_only)
    names = tuple(field.name for field in plan)
    known = frozenset(names)
    defaults = {field.name: field.default for field in plan if field.default is not dataclasses.MISSING}
    others = tuple(field for field in plan if field.name not in defaults)
    finish = getattr(cls, "__post_init__", None)
    place = object.__setattr__

    def __init__(self: Any, /, *args: Any, **given: Any) -> None:  # noqa: N807
        if args:
            _place(cls.__name__, positional, args, given)
        if not known.issuperset(given):
            stranger = next(name for name in given if name not in known)
            raise TypeError(f"{cls.__name__}() got an unexpected keyword argument {stranger!r}")
        values = defaults | given
        for field in others:
            if field.name not in given:
                values[field.name] = _default(cls, field)
        for name in names:
            place(self, name, values[name])
        if finish is not None:
            self.__post_init__()

    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    __init__.__module__ = cls.__module__
    return __init__


def _place(name: str, positional: tuple[str, ...], args: tuple[Any, ...], given: dict[str, Any]) -> None:
    """Give arguments without names theirs."""
    if len(args) > len(positional):
        raise TypeError(f"{name}() takes {len(positional)} positional arguments but {len(args)} were given")
    for field, value in zip(positional, args, strict=False):
        if field in given:
            raise TypeError(f"{name}() got multiple values for argument {field!r}")
        given[field] = value


def _default(cls: Any, field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    raise TypeError(f"{cls.__name__}() missing a required argument: {field.name!r}")


class _Signature:
    """The signature of a class, made when somebody asks for it."""

    def __init__(self, init: Callable[..., None]) -> None:
        self._init = init

    def __get__(self, instance: object, cls: Any) -> Any:
        from inspect import Parameter, Signature

        if cls.__init__ is not self._init:
            raise AttributeError("__signature__")  # a subclass with an init of its own
        parameters = []
        for field in sorted(dataclasses.fields(cls), key=lambda field: bool(field.kw_only)):
            is_required = field.default is field.default_factory is dataclasses.MISSING
            default = Parameter.empty if is_required else field.default
            if default is dataclasses.MISSING:
                default = field.default_factory
            kind = Parameter.KEYWORD_ONLY if field.kw_only else Parameter.POSITIONAL_OR_KEYWORD
            parameters.append(Parameter(field.name, kind, default=default, annotation=field.type))
        return Signature(parameters)


def _repr(self: Any) -> str:
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _eq(self: Any, other: Any) -> Any:
    if type(other) is not type(self):
        return NotImplemented
    names = [field.name for field in dataclasses.fields(self) if field.compare]
    return all(getattr(self, name) == getattr(other, name) for name in names)


def _hash(self: Any) -> int:
    # What counts for equality counts here, unless the field says otherwise.
    hashed = (field for field in dataclasses.fields(self) if (field.compare if field.hash is None else field.hash))
    return hash(tuple(getattr(self, field.name) for field in hashed))


def _refuse_setting(self: Any, name: str, value: Any) -> None:
    if _is_fixed(self, name):
        raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
    object.__setattr__(self, name, value)


def _refuse_deleting(self: Any, name: str) -> None:
    if _is_fixed(self, name):
        raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
    object.__delattr__(self, name)


def _is_fixed(self: Any, name: str) -> bool:
    # Subclasses that are no dataclasses may have attributes besides.
    return "__dataclass_fields__" in vars(type(self)) or name in self.__dataclass_fields__


def _state(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in dataclasses.fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for field, value in zip(dataclasses.fields(self), state, strict=True):
        object.__setattr__(self, field.name, value)
