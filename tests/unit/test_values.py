"""Classes of plain values behave as dataclasses do."""

import copy
import dataclasses
import inspect
import pickle

import pytest

import voicewire as vw
from voicewire.values import dataclass


@dataclass(frozen=True, slots=True)
class Point:
    """A point."""

    x: int
    y: int = 0
    note: str = dataclasses.field(default="", repr=False, compare=False)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options."""

    names: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", sorted(self.names))


class Named(Options):
    def __init__(self, name: str) -> None:
        super().__init__(names=[name])


def test_arguments_go_by_place_and_by_name() -> None:
    assert Point(1, 2) == Point(y=2, x=1)


@pytest.mark.parametrize(
    ("args", "given", "words"),
    [
        ((), {}, "missing a required argument: 'x'"),
        ((1, 2, "", 4), {}, "takes 3 positional arguments but 4 were given"),
        ((1,), {"x": 1}, "multiple values for argument 'x'"),
        ((1,), {"z": 1}, "unexpected keyword argument 'z'"),
    ],
)
def test_arguments_that_do_not_fit_are_type_errors(args: tuple, given: dict, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        Point(*args, **given)


def test_keyword_only_fields_take_no_place() -> None:
    with pytest.raises(TypeError, match="takes 0 positional arguments but 1 were given"):
        Options(["a"])


def test_a_frozen_value_cannot_be_changed() -> None:
    point = Point(1)

    with pytest.raises(dataclasses.FrozenInstanceError):
        point.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del point.x


def test_each_instance_has_its_own_default_of_a_factory() -> None:
    assert Options().names is not Options().names


def test_post_init_runs() -> None:
    assert Options(names=["b", "a"]).names == ["a", "b"]


def test_fields_that_do_not_compare_count_neither_for_equality_nor_for_hash() -> None:
    assert Point(1, note="a") == Point(1, note="b")
    assert len({Point(1, note="a"), Point(1, note="b"), Point(2)}) == 2
    assert Point(1) != (1, 0, "")


def test_repr_shows_the_fields_that_are_for_showing() -> None:
    assert repr(Point(1, note="secret")) == "Point(x=1, y=0)"


@pytest.mark.parametrize("value", [Point(1, 2), vw.Usage(3), vw.Timeouts(ack=2.0), vw.ServerVAD(threshold=0.4)])
def test_values_are_copied_and_pickled(value: object) -> None:
    assert copy.deepcopy(value) == copy.copy(value) == pickle.loads(pickle.dumps(value)) == value


def test_the_tools_of_dataclasses_work() -> None:
    assert dataclasses.replace(Point(1), y=5) == Point(1, 5)
    assert dataclasses.asdict(Point(1)) == {"x": 1, "y": 0, "note": ""}
    assert [field.name for field in dataclasses.fields(vw.AudioFormat)] == ["type", "rate"]


def test_match_takes_fields_by_place() -> None:
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)


def test_the_signature_tells_names_and_defaults() -> None:
    assert str(inspect.signature(Point)) == "(x: int, y: int = 0, note: str = '')"
    assert list(inspect.signature(vw.ServerVAD).parameters)[:2] == ["threshold", "prefix_padding_ms"]


def test_a_subclass_with_an_init_of_its_own_has_its_own_signature() -> None:
    assert list(inspect.signature(Named).parameters) == ["name"]
    assert Named("a") == Named("a")
