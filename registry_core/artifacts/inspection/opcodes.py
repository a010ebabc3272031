"""What each opcode of a pickle does to a ``Stack``; those that are missing here, no model file needs."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from typing import Any

from . import arrays, calls
from .names import PARTIAL, canonical
from .refused import Refused
from .stack import Stack
from .values import Array, Bag, Dtype, Global, Made, as_key

_DEEPEST_MARK = 1000  # as deep as Python's own pickler goes
_LONGEST_NUMBER = 64  # bytes; random generators hold 16
_STEPS_AN_OBJECT = 5  # what it takes to look at one, beside its opcodes
_WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"
_APPENDABLE = frozenset({"collections.deque"})


def _proto(machine: Stack) -> None:
    if machine.at != machine.start + 1:
        raise Refused("it names its protocol in the middle")
    machine.protocol = machine.take(1)[0]
    if not 2 <= machine.protocol <= 5:
        raise Refused(f"it is a pickle of protocol {machine.protocol}, and there are 0 to 5")


def _frame(machine: Stack) -> None:
    size = machine.number(8)
    if machine.limit != machine.end and machine.at != machine.limit:
        raise Refused("it opens a frame within a frame")
    if size > machine.end - machine.at or not size:
        raise Refused(f"it is truncated: it opens a frame of {size} bytes, where there are {machine.end - machine.at}")
    machine.limit = machine.at + size


def _mark(machine: Stack) -> None:
    if len(machine.marks) >= _DEEPEST_MARK:
        raise Refused(f"it nests deeper than {_DEEPEST_MARK} levels")
    machine.marks.append(machine.stack)
    machine.stack = []


def _pop(machine: Stack) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.popped()


def _put_text(machine: Stack) -> None:
    _put(machine, _whole(machine.line()))


def _put(machine: Stack, index: int) -> None:
    if index != len(machine.memo):
        raise Refused(f"it writes slot {index} of its memo out of turn, or twice")
    machine.memo.append(machine.stack[-1])


def _get(machine: Stack, index: int) -> None:
    if not 0 <= index < len(machine.memo):
        raise Refused(f"it asks for slot {index} of its memo, which it never filled")
    machine.stack.append(machine.memo[index])


def _whole(line: str) -> int:
    if not 0 < len(line) <= 2 * _LONGEST_NUMBER or not line.isascii():
        raise Refused(f"it has a number of {len(line)} digits")
    try:
        return int(line)
    except ValueError:
        raise Refused(f"it has {line[:40]!r} where a number belongs") from None


def _int_text(machine: Stack) -> None:
    line = machine.line()
    machine.stack.append({"00": False, "01": True}[line] if line in ("00", "01") else _whole(line))


def _long_text(machine: Stack) -> None:
    machine.stack.append(_whole(machine.line().removesuffix("L")))


def _long(machine: Stack, size: int) -> None:
    if size > _LONGEST_NUMBER:
        raise Refused(f"it has a number of {size} bytes")
    machine.stack.append(int.from_bytes(machine.take(size), "little", signed=True))


def _float_text(machine: Stack) -> None:
    line = machine.line()
    try:
        machine.stack.append(float(line))
    except ValueError:
        raise Refused(f"it has {line[:40]!r} where a number belongs") from None


def _text(machine: Stack, size: int) -> None:
    try:
        machine.stack.append(str(machine.take(size), "utf-8", "surrogatepass"))
    except UnicodeDecodeError:
        raise Refused(f"it has text that is not UTF-8 at byte {machine.at - size}") from None


def _escaped_text(machine: Stack) -> None:
    stop = machine.data.find(b"\n", machine.at, machine.limit)
    if stop < 0:
        raise Refused(f"it has a line without an end at byte {machine.at}")
    try:
        machine.stack.append(str(machine.data[machine.at : stop], "raw-unicode-escape"))
    except UnicodeDecodeError:
        raise Refused(f"it has text that cannot be read at byte {machine.at}") from None
    machine.at = stop + 1


def _append(machine: Stack) -> None:
    value = machine.stack.pop()
    _extend(machine, [value])


def _extend(machine: Stack, values: list[Any]) -> None:
    target = machine.stack[-1]
    machine.frozen.check(target)
    if type(target) is list:
        machine.refer(values)
        target.extend(values)
    elif type(target) is Made and (target.of in _APPENDABLE or machine.trust.foreign(target.of)):
        machine.refer(values)
        target.items.extend(values)
    else:
        raise Refused("it appends to something that is not a list")


def _set_item(machine: Stack) -> None:
    value = machine.stack.pop()
    key = machine.stack.pop()
    _set_items(machine, [key, value])


def _set_items(machine: Stack, values: list[Any]) -> None:
    if len(values) % 2:
        raise Refused("it sets a key without a value")
    keys = values[::2]
    machine.check_keys(keys)
    machine.refer(values)
    target = machine.stack[-1]
    machine.frozen.check(target)
    if type(target) is dict:
        target.update(zip(map(as_key, keys), values[1::2], strict=True))
    elif type(target) is Made and (target.of in calls.MAPPINGS or machine.trust.foreign(target.of)):
        target.items.extend(values)
    else:
        raise Refused("it sets a key in something that is not a dict")


def _add_items(machine: Stack) -> None:
    values = machine.popped()
    machine.check_keys(values)
    machine.refer(values)
    target = machine.stack[-1]
    machine.frozen.check(target)
    if type(target) is not Bag or target.final:
        raise Refused("it adds to something that is not a set")
    target.items.extend(values)


def _frozenset(machine: Stack) -> None:
    values = machine.popped()
    machine.check_keys(values)
    machine.refer(values)
    machine.stack.append(Bag(values, final=True))


def _list(machine: Stack) -> None:
    values = machine.popped()
    machine.refer(values)
    machine.stack.append(values)


def _dict(machine: Stack) -> None:
    values = machine.popped()
    machine.stack.append({})
    _set_items(machine, values)


def _tuple(machine: Stack, count: int) -> None:
    stack = machine.stack
    if len(stack) < count:
        raise IndexError
    values = tuple(stack[-count:])
    del stack[-count:]
    machine.push_tuple(values)


def _global(machine: Stack) -> None:
    module = machine.line()
    _find(machine, module, machine.line())


def _stack_global(machine: Stack) -> None:
    name = machine.stack.pop()
    module = machine.stack.pop()
    if type(name) is not str or type(module) is not str:
        raise Refused("it names something by what is not text")
    _find(machine, module, name)


def _find(machine: Stack, module: str, name: str) -> None:
    protocol = machine.protocol if machine.outer is None else machine.outer
    full = canonical(module, name, protocol)
    machine.trust.meet(full)
    machine.stack.append(Global(full))


def _arguments(values: Any) -> tuple[Any, ...]:
    if type(values) is not tuple:
        raise Refused("it calls something with what is not a tuple of arguments")
    return values


def _reduce(machine: Stack) -> None:
    arguments = _arguments(machine.stack.pop())
    function = machine.stack.pop()
    machine.frozen.use(arguments)
    if type(function) is Global:
        if function.name == PARTIAL:
            made = Made(PARTIAL, arguments)
            machine.partials.append(made)
            machine.stack.append(made)
        elif machine.trust.use(function.name, "call"):
            value = calls.result(function.name, arguments, machine.trust)
            _push_made(machine, value)
        else:
            machine.stack.append(Made(function.name, arguments))
    elif type(function) is Made and machine.trust.foreign(function.of):
        machine.stack.append(Made(function.of, arguments))
    else:
        raise Refused("it calls something that is not a function")


def _new(machine: Stack, keywords: Any = None) -> None:
    arguments = _arguments(machine.stack.pop())
    kind = machine.stack.pop()
    if type(kind) is not Global:
        raise Refused("it makes an object of something that is not a class")
    machine.budget.spend(_STEPS_AN_OBJECT)
    machine.frozen.use(arguments)
    if machine.trust.use(kind.name, "instantiate") and (keywords or not calls.may_be_made_with(kind.name, arguments)):
        raise Refused(f"it makes a {kind.name} with arguments, which it does not have")
    _push_made(machine, Made(kind.name, arguments))


def _push_made(machine: Stack, value: Any) -> None:
    machine.stack.append(value)
    if type(value) is Made and calls.needs_state(value.of):
        machine.unfinished.append(value)


def _new_with_keywords(machine: Stack) -> None:
    keywords = machine.stack.pop()
    if type(keywords) is not dict:
        raise Refused("it makes an object with keywords that are not a dict")
    _new(machine, keywords)


def _build(machine: Stack) -> None:
    state = machine.stack.pop()
    target = machine.stack[-1]
    machine.refer((state,))
    if type(target) is Global:
        raise Refused(f"it patches {target.name} itself")
    if type(target) not in (Array, Dtype, Made) or target.built:
        raise Refused("it sets the state of what has none, or sets it twice")
    machine.frozen.check(target)
    if type(target) is not Made:
        machine.frozen.use(state)
    elif not machine.trust.foreign(target.of):
        # What becomes of a foreign state is not known here, and not endorsed.
        machine.frozen.use(state, may_grow=not calls.takes_at_once(target.of))
    target.built = True
    if type(target) is Dtype:
        arrays.build_dtype(target, state)
    elif type(target) is Array:
        arrays.build_array(target, state)
    else:
        # An object takes its attributes now, whatever becomes of the dict afterwards.
        target.state = dict(state) if type(state) is dict else state
        if target.of == _WRAPPER:
            machine.stack[-1] = machine.read_array(target)
        elif not machine.trust.foreign(target.of):
            machine.built.append(target)


def _push(value: Any) -> Callable[[Stack], None]:
    return lambda machine: machine.stack.append(value)


def _checked_bytes(machine: Stack, size: int) -> None:
    machine.stack.append(machine.raw(size))


def _bytearray(machine: Stack) -> None:
    machine.stack.append(Made("builtins.bytearray", (machine.raw(machine.number(8)),), built=True))


TABLE: dict[int, Callable[[Stack], None]] = {
    opcode[0]: step
    for opcode, step in (
        (pickle.PROTO, _proto),
        (pickle.FRAME, _frame),
        (pickle.MARK, _mark),
        (pickle.POP, _pop),
        (pickle.POP_MARK, lambda m: m.popped() and None),
        (pickle.MEMOIZE, lambda m: m.memo.append(m.stack[-1])),
        (pickle.PUT, _put_text),
        (pickle.BINPUT, lambda m: _put(m, m.byte())),
        (pickle.LONG_BINPUT, lambda m: _put(m, m.number(4))),
        (pickle.GET, lambda m: _get(m, _whole(m.line()))),
        (pickle.BINGET, lambda m: _get(m, m.byte())),
        (pickle.LONG_BINGET, lambda m: _get(m, m.number(4))),
        (pickle.NONE, _push(None)),
        (pickle.NEWTRUE, _push(True)),
        (pickle.NEWFALSE, _push(False)),
        (pickle.INT, _int_text),
        (pickle.LONG, _long_text),
        (pickle.LONG1, lambda m: _long(m, m.byte())),
        (pickle.LONG4, lambda m: _long(m, m.number(4))),
        (pickle.BININT, lambda m: m.stack.append(int.from_bytes(m.take(4), "little", signed=True))),
        (pickle.BININT1, lambda m: m.stack.append(m.byte())),
        (pickle.BININT2, lambda m: m.stack.append(m.number(2))),
        (pickle.FLOAT, _float_text),
        (pickle.BINFLOAT, lambda m: m.stack.append(struct.unpack(">d", m.take(8))[0])),
        (pickle.UNICODE, _escaped_text),
        (pickle.SHORT_BINUNICODE, lambda m: _text(m, m.byte())),
        (pickle.BINUNICODE, lambda m: _text(m, m.number(4))),
        (pickle.BINUNICODE8, lambda m: _text(m, m.number(8))),
        (pickle.SHORT_BINBYTES, lambda m: _checked_bytes(m, m.byte())),
        (pickle.BINBYTES, lambda m: _checked_bytes(m, m.number(4))),
        (pickle.BINBYTES8, lambda m: _checked_bytes(m, m.number(8))),
        (pickle.BYTEARRAY8, _bytearray),
        (pickle.EMPTY_LIST, lambda m: m.stack.append([])),
        (pickle.EMPTY_DICT, lambda m: m.stack.append({})),
        (pickle.EMPTY_SET, lambda m: m.stack.append(Bag([]))),
        (pickle.EMPTY_TUPLE, _push(())),
        (pickle.TUPLE, lambda m: m.push_tuple(tuple(m.popped()))),
        (pickle.TUPLE1, lambda m: _tuple(m, 1)),
        (pickle.TUPLE2, lambda m: _tuple(m, 2)),
        (pickle.TUPLE3, lambda m: _tuple(m, 3)),
        (pickle.LIST, _list),
        (pickle.DICT, _dict),
        (pickle.APPEND, _append),
        (pickle.APPENDS, lambda m: _extend(m, m.popped())),
        (pickle.SETITEM, _set_item),
        (pickle.SETITEMS, lambda m: _set_items(m, m.popped())),
        (pickle.ADDITEMS, _add_items),
        (pickle.FROZENSET, _frozenset),
        (pickle.GLOBAL, _global),
        (pickle.STACK_GLOBAL, _stack_global),
        (pickle.REDUCE, _reduce),
        (pickle.NEWOBJ, _new),
        (pickle.NEWOBJ_EX, _new_with_keywords),
        (pickle.BUILD, _build),
    )
}
