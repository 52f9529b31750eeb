"""Reads pickles of plain values and numeric arrays. Nothing that a file says is executed; what it means is not judged.

Python's own unpickler, even with a restricted `find_class`, reserves memory that a file merely asks for, hashes nested
tuples without bound and can be made to crash. So this one is a small machine of its own: it knows the opcodes that
numbers, text, lists, dicts and arrays need, takes every byte from the file, and calls nothing of the file's choice.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from types import FunctionType
from typing import Any

from poseact.errors import InvalidPoses, LimitExceeded
from poseact.poses.pickle_arrays import GLOBALS, PickledArray, PickledDtype, Refused, build_array, build_dtype

MAX_STEPS = (
    30_000_000  # opcodes, some 20 s of work; NTU RGB+D 120, the largest published file of poses, needs 8 million
)
MALFORMED = (IndexError, KeyError, ValueError, TypeError, OverflowError, SyntaxError, struct.error)
_UINT1, _UINT2, _UINT4, _UINT8 = (struct.Struct(f"<{code}") for code in "BHIQ")
_INT4, _FLOAT8 = struct.Struct("<i"), struct.Struct(">d")


def loads(
    content: bytes, source: str = "pickle", max_steps: int = MAX_STEPS, machine: type[Machine] | None = None
) -> Any:
    """Read a pickle of protocol 0 to 5 that holds None, bool, int, float, str, bytes, list, tuple, dict and arrays.

    Args:
        content: the whole file. Arrays that come back are read-only views of it, bytes are memoryviews.
        source: how the error messages call it.
        machine: with another vocabulary than that of poses.
    Raises:
        InvalidPoses: anything else, damage included. LimitExceeded: more than `max_steps` operations.
    """
    reader = (machine or Machine)(content)
    try:
        return _with_arrays(reader.run(max_steps))
    except Refused as refusal:
        raise InvalidPoses(f"{source} is not a file of {reader.holds}: {refusal} (at byte {reader.at})") from None
    except MALFORMED:
        raise InvalidPoses(f"{source} is damaged or not a pickle (at byte {reader.at}); get it again") from None
    except TooLongError:
        raise LimitExceeded(
            f"{source} takes more than {max_steps} steps to read; split it into smaller files"
        ) from None


class TooLongError(Exception):
    """The file has more opcodes than allowed."""


class Machine:
    """The stack, the marks, the memo and the position in the file of one pickle.

    What names, states and references mean is the vocabulary of poses; a subclass may bring another.
    """

    holds = "poses"

    def __init__(self, content: bytes, at: int = 0) -> None:
        self.content = content
        self.view = memoryview(content)
        self.at = at
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def run(self, max_steps: int) -> Any:
        operations, content = _OPERATIONS, self.content
        for _ in range(max_steps):
            code = content[self.at]
            self.at += 1
            if code == _STOP:
                return self.stack.pop()
            operation = operations.get(code)
            if operation is None:
                raise Refused(f"opcode {code:#04x} has no place in it")
            operation(self)
        raise TooLongError

    def named(self, module: str, name: str) -> Any:
        """What stands for the class or function that the file asks for. Raises: Refused for an unknown one."""
        found = GLOBALS.get((module, name))
        if found is None:
            asked = f"{module}.{name}"
            raise Refused(f"it asks for {asked[:80]!r}, which {self.holds} do not need and which may be hostile")
        return found

    def build(self, target: Any, state: Any) -> None:
        """Give an object its state. Raises: Refused when this is no object that has one."""
        if not isinstance(state, tuple):
            raise Refused("an object with an unusual state")
        if isinstance(target, PickledArray):
            build_array(target, *state)
        elif isinstance(target, PickledDtype):
            build_dtype(target, *state)
        else:
            raise Refused("it sets the state of an object")

    def stored(self, key: Any) -> Any:
        """What a reference to something outside the pickle means. Raises: Refused, for there is nothing outside."""
        raise Refused(f"it refers to something outside the file by {type(key).__name__}")

    def take(self, count: int) -> memoryview:
        """The next `count` bytes of the file, without a copy."""
        end = self.at + count
        if count < 0 or end > len(self.content):
            raise ValueError("the file ends too early")
        taken = self.view[self.at : end]
        self.at = end
        return taken

    def number(self, code: struct.Struct) -> Any:
        return code.unpack(self.take(code.size))[0]

    def line(self) -> bytes:
        """The bytes up to the next newline (protocol 0)."""
        return bytes(self.take(self.content.index(b"\n", self.at) + 1 - self.at))[:-1]

    def since_mark(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def top(self, kind: type) -> Any:
        if not isinstance(self.stack[-1], kind):
            raise TypeError("unexpected value on the stack")
        return self.stack[-1]


Operation = Callable[[Machine], None]


def _skip(count: int) -> Operation:
    """PROTO and FRAME tell a reader of the whole file nothing: the opcodes mean the same in all protocols."""
    return lambda machine: machine.take(count).release()


def _push(make: Callable[[], Any]) -> Operation:
    return lambda machine: machine.stack.append(make())


def _push_number(code: struct.Struct) -> Operation:
    return lambda machine: machine.stack.append(machine.number(code))


def _push_sized(size: struct.Struct, make: Callable[[memoryview], Any]) -> Operation:
    return lambda machine: machine.stack.append(make(machine.take(machine.number(size))))


def _push_line(make: Callable[[bytes], Any]) -> Operation:
    return lambda machine: machine.stack.append(make(machine.line()))


def _text(raw: memoryview) -> str:
    return str(raw, "utf-8", "surrogatepass")


def _text_of_python2(raw: memoryview) -> str:
    return str(raw, "latin-1")


def _quoted_text(line: bytes) -> str:
    if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b'"', b"'"):
        raise ValueError("text without quotes")
    return line[1:-1].decode("unicode-escape")


def _integer(raw: memoryview) -> int:
    if len(raw) > 64:
        raise Refused("an integer of more than 64 bytes")
    return int.from_bytes(raw, "little", signed=True)


def _integer_line(line: bytes) -> int | bool:
    if line in (b"00", b"01"):
        return line == b"01"
    return int(line.removesuffix(b"L"))


def _mark(machine: Machine) -> None:
    machine.marks.append(len(machine.stack))


def _pop(machine: Machine) -> None:
    machine.stack.pop()


def _pop_mark(machine: Machine) -> None:
    machine.since_mark()


def _tuple(machine: Machine) -> None:
    machine.stack.append(tuple(machine.since_mark()))


def _tuple_of(count: int) -> Operation:
    def operation(machine: Machine) -> None:
        if len(machine.stack) < count:
            raise IndexError("the stack is too short")
        machine.stack[-count:] = [tuple(machine.stack[-count:])]

    return operation


def _list(machine: Machine) -> None:
    machine.stack.append(machine.since_mark())


def _append(machine: Machine) -> None:
    item = machine.stack.pop()
    machine.top(list).append(item)


def _extend(machine: Machine) -> None:
    items = machine.since_mark()
    machine.top(list).extend(items)


def _dict(machine: Machine) -> None:
    items = machine.since_mark()
    machine.stack.append({})
    _put(machine, items)


def _set_item(machine: Machine) -> None:
    value, key = machine.stack.pop(), machine.stack.pop()
    _put(machine, [key, value])


def _set_items(machine: Machine) -> None:
    _put(machine, machine.since_mark())


def _put(machine: Machine, items: list[Any]) -> None:
    target = machine.top(dict)
    for key in items[::2]:
        # Nested tuples can take for ever to hash, and large integers can be made to collide.
        if not (isinstance(key, (str, float)) or (isinstance(key, int) and abs(key) < 2**60)):
            raise Refused("a key that is neither text nor a plain number")
    target.update(zip(items[::2], items[1::2], strict=True))


def _memoize(machine: Machine) -> None:
    machine.memo[len(machine.memo)] = machine.stack[-1]


def _remember(index: Callable[[Machine], int]) -> Operation:
    def operation(machine: Machine) -> None:
        machine.memo[index(machine)] = machine.stack[-1]

    return operation


def _recall(index: Callable[[Machine], int]) -> Operation:
    return lambda machine: machine.stack.append(machine.memo[index(machine)])


def _line_index(machine: Machine) -> int:
    return int(machine.line())


def _byte_index(machine: Machine) -> int:
    return int(machine.number(_UINT1))


def _long_index(machine: Machine) -> int:
    return int(machine.number(_UINT4))


def _global_lines(machine: Machine) -> None:
    machine.stack.append(machine.named(machine.line().decode(), machine.line().decode()))


def _global_stack(machine: Machine) -> None:
    name, module = machine.stack.pop(), machine.stack.pop()
    if not (isinstance(module, str) and isinstance(name, str)):
        raise TypeError("a name that is not text")
    machine.stack.append(machine.named(module, name))


def _call(machine: Machine) -> None:
    arguments, function = machine.stack.pop(), machine.stack.pop()
    # The only functions that can be on the stack are those that `named` gives.
    if not isinstance(function, FunctionType) or not isinstance(arguments, tuple):
        raise Refused("it calls something that is no function")
    machine.stack.append(function(*arguments))


def _build(machine: Machine) -> None:
    state, target = machine.stack.pop(), machine.stack[-1]
    machine.build(target, state)


def _refer(machine: Machine) -> None:
    machine.stack.append(machine.stored(machine.stack.pop()))


def _with_arrays(root: Any) -> Any:
    """Put the finished arrays where the machine left their places, in lists and dicts; visits each container once."""
    top = [root]
    waiting: list[Any] = [top]
    known: set[int] = set()
    while waiting:
        container = waiting.pop()
        if id(container) in known:
            continue
        known.add(id(container))
        pairs = container.items() if isinstance(container, dict) else enumerate(container)
        for key, value in list(pairs):
            if isinstance(value, PickledArray) and not isinstance(container, tuple):
                container[key] = value.finished()
            elif isinstance(value, (list, dict, tuple)):
                waiting.append(value)
    return top[0]


_STOP = ord(".")
_OPERATIONS: dict[int, Operation] = {
    0x80: _skip(1),  # PROTO
    0x95: _skip(8),  # FRAME
    ord("N"): _push(lambda: None),
    0x88: _push(lambda: True),
    0x89: _push(lambda: False),
    ord("I"): _push_line(_integer_line),
    ord("L"): _push_line(_integer_line),
    ord("F"): _push_line(float),
    ord("J"): _push_number(_INT4),
    ord("K"): _push_number(_UINT1),
    ord("M"): _push_number(_UINT2),
    ord("G"): _push_number(_FLOAT8),
    0x8A: _push_sized(_UINT1, _integer),
    0x8B: _push_sized(_INT4, _integer),
    ord("S"): _push_line(_quoted_text),
    ord("V"): _push_line(lambda line: line.decode("raw-unicode-escape")),
    ord("X"): _push_sized(_UINT4, _text),
    0x8C: _push_sized(_UINT1, _text),
    0x8D: _push_sized(_UINT8, _text),
    ord("T"): _push_sized(_INT4, _text_of_python2),
    ord("U"): _push_sized(_UINT1, _text_of_python2),
    ord("B"): _push_sized(_UINT4, memoryview),
    ord("C"): _push_sized(_UINT1, memoryview),
    0x8E: _push_sized(_UINT8, memoryview),
    0x96: _push_sized(_UINT8, memoryview),
    ord("("): _mark,
    ord("0"): _pop,
    ord("1"): _pop_mark,
    ord(")"): _push(tuple),
    ord("t"): _tuple,
    0x85: _tuple_of(1),
    0x86: _tuple_of(2),
    0x87: _tuple_of(3),
    ord("]"): _push(list),
    ord("l"): _list,
    ord("a"): _append,
    ord("e"): _extend,
    ord("}"): _push(dict),
    ord("d"): _dict,
    ord("s"): _set_item,
    ord("u"): _set_items,
    0x94: _memoize,
    ord("p"): _remember(_line_index),
    ord("q"): _remember(_byte_index),
    ord("r"): _remember(_long_index),
    ord("g"): _recall(_line_index),
    ord("h"): _recall(_byte_index),
    ord("j"): _recall(_long_index),
    ord("c"): _global_lines,
    0x93: _global_stack,
    ord("R"): _call,
    ord("b"): _build,
    ord("Q"): _refer,  # BINPERSID
}
