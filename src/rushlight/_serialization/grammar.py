"""Reader of pickled data: a closed grammar, no imports, no calls but those of the table in names.py."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from struct import Struct, unpack_from
from struct import error as StructError
from typing import Any

from . import names
from .errors import LoadError
from .names import Maker, check_key
from .source import no_collection

_U32 = Struct("<I")
MAX_DEPTH = 1000
MAX_MEMO = 10_000_000
MAX_OBJECTS = 10_000_000
_DICTS = (dict, OrderedDict, Counter)


class Reader:
    """Reads one pickle from ``data``, starting at ``pos``.

    Args:
        data: the bytes; nothing past their end is ever read or allocated.
        storage: called with the persistent id of a storage, returns the storage.
        user: additional names the program has allowed, with their objects.
        encoding: how 8-bit strings of Python 2 are decoded; ``"bytes"`` keeps them.
    """

    def __init__(
        self,
        data: Any,
        storage: Callable[[tuple], Any] | None = None,
        user: dict[str, Any] | None = None,
        encoding: str = "utf-8",
        pos: int = 0,
    ) -> None:
        self.data = memoryview(data)
        self.end = self.data.nbytes
        self.pos = pos
        self.storage = storage
        self.user = user or {}
        self.encoding = encoding
        self.stack: list[Any] = []
        self.marks: list[list[Any]] = []
        self.memo: dict[int, Any] = {}
        self.objects = 0

    # --- driver -----------------------------------------------------------------------------------

    def load(self) -> Any:
        """Read the pickle and return its value.

        Raises:
            LoadError: for every way in which the bytes are not in the grammar.
        """
        try:
            with no_collection():
                self._run()
            if self.marks or len(self.stack) != 1:
                raise LoadError(f"{len(self.stack)} values are left at the end, expected one")
            result = self.stack[0]
        except LoadError:
            raise
        except (IndexError, StructError):
            raise LoadError(f"truncated, or stack underflow, at byte {self.pos}") from None
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            where = f"at byte {self.pos}"
            raise LoadError(f"damaged pickle {where}: {error or type(error).__name__}") from None
        except RecursionError:
            raise LoadError("nested too deeply") from None
        check_result(result)
        return result

    def _run(self) -> None:
        data, handlers = self.data, _HANDLERS
        while True:
            if self.pos >= self.end:
                raise LoadError(f"truncated: the pickle ends at byte {self.pos} without STOP")
            op = data[self.pos]
            self.pos += 1
            if op == 0x2E:  # STOP
                return
            handler = handlers[op]
            if handler is None:
                raise LoadError(
                    f"opcode {chr(op)!r} (0x{op:02x}) at byte {self.pos - 1} is not allowed"
                )
            handler(self)

    def take(self, length: int) -> memoryview:
        """The next ``length`` bytes."""
        start = self.pos
        if length > self.end - start:
            raise LoadError(
                f"truncated: {length} bytes are claimed at byte {start}, {self.end - start} are left"
            )
        self.pos = start + length
        return self.data[start : start + length]

    def line(self) -> str:
        """Text up to the next newline."""
        window = bytes(self.data[self.pos : self.pos + 1024])
        length = window.find(b"\n")
        if length < 0:
            raise LoadError(f"truncated: no end of the name at byte {self.pos}")
        self.pos += length + 1
        return window[:length].decode("utf-8")

    def push_new(self, value: Any) -> None:
        """Push a container, counted against the limit."""
        self.objects += 1
        if self.objects > MAX_OBJECTS:
            raise LoadError(f"more than {MAX_OBJECTS} objects")
        self.stack.append(value)

    def pop(self) -> Any:
        if not self.stack:
            raise LoadError(f"stack underflow at byte {self.pos - 1}")
        return self.stack.pop()

    def top(self) -> Any:
        if not self.stack:
            raise LoadError(f"stack underflow at byte {self.pos - 1}")
        return self.stack[-1]

    def pop_mark(self) -> list[Any]:
        if not self.marks:
            raise LoadError(f"no MARK for the opcode at byte {self.pos - 1}")
        items = self.stack
        self.stack = self.marks.pop()
        return items

    # --- numbers and text -------------------------------------------------------------------------

    def u8(self) -> int:
        return self.take(1)[0]

    def u16(self) -> int:
        return unpack_from("<H", self.take(2))[0]

    def u32(self) -> int:
        return unpack_from("<I", self.take(4))[0]

    def u64(self) -> int:
        return unpack_from("<Q", self.take(8))[0]

    def op_binint(self) -> None:
        self.stack.append(unpack_from("<i", self.take(4))[0])

    def op_binint1(self) -> None:
        self.stack.append(self.data[self.pos])
        self.pos += 1

    def op_binint2(self) -> None:
        self.stack.append(unpack_from("<H", self.take(2))[0])

    def op_long1(self) -> None:
        self.stack.append(int.from_bytes(self.take(self.u8()), "little", signed=True))

    def op_long4(self) -> None:
        length = unpack_from("<i", self.take(4))[0]
        if length < 0:
            raise LoadError("an int of negative length")
        self.stack.append(int.from_bytes(self.take(length), "little", signed=True))

    def op_binfloat(self) -> None:
        self.stack.append(unpack_from(">d", self.take(8))[0])

    def text(self, length: int) -> None:
        self.stack.append(str(self.take(length), "utf-8", "surrogatepass"))

    def op_binunicode(self) -> None:
        start = self.pos + 4
        stop = start + _U32.unpack_from(self.data, self.pos)[0]
        if stop > self.end:
            self.text(self.u32())
        self.stack.append(str(self.data[start:stop], "utf-8", "surrogatepass"))
        self.pos = stop

    def op_short_binunicode(self) -> None:
        self.text(self.u8())

    def op_binunicode8(self) -> None:
        self.text(self.u64())

    def op_binbytes(self) -> None:
        self.stack.append(bytes(self.take(self.u32())))

    def op_short_binbytes(self) -> None:
        self.stack.append(bytes(self.take(self.u8())))

    def op_binbytes8(self) -> None:
        self.stack.append(bytes(self.take(self.u64())))

    def op_bytearray8(self) -> None:
        self.push_new(bytearray(self.take(self.u64())))

    def old_string(self, length: int) -> None:
        raw = bytes(self.take(length))
        self.stack.append(raw if self.encoding == "bytes" else raw.decode(self.encoding))

    def op_short_binstring(self) -> None:
        self.old_string(self.u8())

    def op_binstring(self) -> None:
        self.old_string(self.u32())

    def op_none(self) -> None:
        self.stack.append(None)

    def op_newtrue(self) -> None:
        self.stack.append(True)

    def op_newfalse(self) -> None:
        self.stack.append(False)

    # --- containers -------------------------------------------------------------------------------

    def op_mark(self) -> None:
        if len(self.marks) >= MAX_OBJECTS:
            raise LoadError(f"more than {MAX_OBJECTS} marks")
        self.marks.append(self.stack)
        self.stack = []

    def op_pop(self) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.pop_mark()

    def op_pop_mark(self) -> None:
        self.pop_mark()

    def op_empty_tuple(self) -> None:
        self.stack.append(())

    def op_tuple(self) -> None:
        self.push_new(tuple(self.pop_mark()))

    def small_tuple(self, n: int) -> None:
        if len(self.stack) < n:
            raise LoadError(f"stack underflow at byte {self.pos - 1}")
        items = tuple(self.stack[-n:])
        del self.stack[-n:]
        self.push_new(items)

    def op_tuple1(self) -> None:
        self.small_tuple(1)

    def op_tuple2(self) -> None:
        self.small_tuple(2)

    def op_tuple3(self) -> None:
        self.small_tuple(3)

    def op_empty_list(self) -> None:
        self.push_new([])

    def op_empty_dict(self) -> None:
        self.push_new({})

    def op_empty_set(self) -> None:
        self.push_new(set())

    def op_frozenset(self) -> None:
        self.push_new(frozenset(check_key(k) for k in self.pop_mark()))

    def target(self, kinds: tuple[type, ...], what: str) -> Any:
        value = self.top()
        if type(value) not in kinds:
            raise LoadError(f"{what} on {_kind(value)}, not on {kinds[0].__name__}")
        return value

    def op_append(self) -> None:
        item = self.pop()
        self.target((list,), "APPEND").append(item)

    def op_appends(self) -> None:
        items = self.pop_mark()
        self.target((list,), "APPENDS").extend(items)

    def op_additems(self) -> None:
        items = self.pop_mark()
        self.target((set,), "ADDITEMS").update(check_key(k) for k in items)

    def op_setitem(self) -> None:
        value, key = self.pop(), self.pop()
        self.target(_DICTS, "SETITEM")[check_key(key)] = value

    def op_setitems(self) -> None:
        items = self.pop_mark()
        target = self.target(_DICTS, "SETITEMS")
        if len(items) % 2:
            raise LoadError("SETITEMS with a key without a value")
        for i in range(0, len(items), 2):
            target[check_key(items[i])] = items[i + 1]

    # --- memo -------------------------------------------------------------------------------------

    def remember(self, index: int) -> None:
        if len(self.memo) >= MAX_MEMO:
            raise LoadError(f"more than {MAX_MEMO} memo entries")
        self.memo[index] = self.top()

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise LoadError(f"memo entry {index} is used at byte {self.pos} but was never made")
        self.stack.append(self.memo[index])

    # the most frequent opcodes read their argument themselves

    def op_binput(self) -> None:
        self.memo[self.data[self.pos]] = self.stack[-1]
        self.pos += 1

    def op_long_binput(self) -> None:
        if len(self.memo) >= MAX_MEMO:
            raise LoadError(f"more than {MAX_MEMO} memo entries")
        self.memo[_U32.unpack_from(self.data, self.pos)[0]] = self.stack[-1]
        self.pos += 4

    def op_memoize(self) -> None:
        self.remember(len(self.memo))

    def op_binget(self) -> None:
        index = self.data[self.pos]
        if index not in self.memo:
            self.recall(index)
        self.stack.append(self.memo[index])
        self.pos += 1

    def op_long_binget(self) -> None:
        self.recall(self.u32())

    # --- names ------------------------------------------------------------------------------------

    def op_proto(self) -> None:
        version = self.u8()
        if not 2 <= version <= 5:
            raise LoadError(f"pickle protocol {version}; 2 to 5 are read")

    def op_frame(self) -> None:
        length = self.u64()
        if length > self.end - self.pos:
            raise LoadError(f"truncated: a frame of {length} bytes, {self.end - self.pos} are left")

    def op_global(self) -> None:
        module = self.line()
        self.stack.append(names.find(module, self.line(), self.user))

    def op_stack_global(self) -> None:
        name, module = self.pop(), self.pop()
        if type(name) is not str or type(module) is not str:
            raise LoadError("STACK_GLOBAL without two names")
        self.stack.append(names.find(module, name, self.user))

    def op_binpersid(self) -> None:
        saved = self.pop()
        if self.storage is None or type(saved) is not tuple:
            raise LoadError("persistent id that is not a storage")
        self.push_new(self.storage(saved))

    def _allowed_by_user(self, value: Any) -> bool:
        return any(value is f for f in self.user.values())

    def op_reduce(self) -> None:
        args, func = self.pop(), self.pop()
        if type(args) is not tuple:
            raise LoadError(f"REDUCE with {_kind(args)} as arguments")
        if type(func) is Maker and func.call is not None:
            self.push_new(func.call(args))
        elif type(func) is not Maker and self._allowed_by_user(func):
            self.push_new(func(*args))
        else:
            raise LoadError(f"REDUCE calls {_kind(func)}, which is not allowed")

    def op_newobj(self) -> None:
        args, cls = self.pop(), self.pop()
        if type(args) is not tuple:
            raise LoadError(f"NEWOBJ with {_kind(args)} as arguments")
        if type(cls) is Maker and cls.new is not None:
            self.push_new(cls.new(args))
        elif isinstance(cls, type) and self._allowed_by_user(cls):
            self.push_new(cls.__new__(cls, *args))
        else:
            raise LoadError(f"NEWOBJ makes {_kind(cls)}, which is not allowed")

    def op_build(self) -> None:
        state = self.pop()
        build(self.top(), state, self._allowed_by_user)


def _kind(value: Any) -> str:
    return value.name if type(value) is Maker else type(value).__name__


def build(target: Any, state: Any, allowed: Callable[[Any], bool]) -> None:
    """Give a new object its state (BUILD): layers, state dicts, numpy values, allowed classes."""
    from ..nn import Module

    if type(target) is OrderedDict:
        good = type(state) is dict and all(
            type(k) is str and k == "_metadata" and type(v) in (dict, OrderedDict)
            for k, v in state.items()
        )
        if not good:
            raise LoadError("BUILD on an OrderedDict may only set '_metadata', a dict")
        target.__dict__.update(state)
    elif allowed(type(target)):
        _build_user(target, state)
    elif isinstance(target, Module):
        names.check_module_state(target, state)
        target.__setstate__(state)
    elif type(target).__module__ == "numpy" and type(target).__name__ == "ndarray":
        names.build_numpy_array(target, state)
    elif type(target).__module__.partition(".")[0] == "numpy" and hasattr(target, "itemsize"):
        names.build_numpy_dtype(target, state)
    else:
        raise LoadError(f"BUILD on {_kind(target)} is not allowed")


def _build_user(target: Any, state: Any) -> None:
    """BUILD on an object of a class that the program has allowed, as pickle does it."""
    setstate = getattr(target, "__setstate__", None)
    if setstate is not None:
        setstate(state)
        return
    slots = None
    if type(state) is tuple and len(state) == 2:
        state, slots = state
    if state:
        target.__dict__.update(state)
    for name, value in (slots or {}).items():
        setattr(target, name, value)


# --- the result -----------------------------------------------------------------------------------


def _children(value: Any, kinds: tuple[type, ...]) -> list[Any]:
    """What may lie below a container: other containers, layers, names that were never called.

    Sets are left out: what they hold was checked to be shallow.
    """
    if isinstance(value, dict):
        items: Any = value.values()
        if type(value) is OrderedDict:
            items = [*items, *value.__dict__.values()]
    elif isinstance(value, (list, tuple)):
        items = value
    else:
        items = value.__dict__.values()
    return [v for v in items if isinstance(v, kinds)]


def check_result(root: Any) -> None:
    """Refuse values nested deeper than MAX_DEPTH, and names of the grammar left as values.

    Every container is visited once, however often it is shared; cycles are allowed.
    """
    from ..nn import Module

    kinds = (dict, list, tuple, Module, Maker)
    if not isinstance(root, kinds):
        return
    below: dict[int, int] = {}  # id -> levels below a finished container
    open_ids: set[int] = {id(root)}
    path: list[list[Any]] = [[root, None, 0]]  # container, its children left, levels below so far
    while path:
        frame = path[-1]
        value, left, _ = frame
        if left is None:
            if type(value) is Maker:
                raise LoadError(f"the name {value.name} is used as a value")
            left = frame[1] = _children(value, kinds)
        if not left:
            path.pop()
            open_ids.discard(id(value))
            below[id(value)] = frame[2]
            if path:
                path[-1][2] = max(path[-1][2], frame[2] + 1)
            continue
        child = left.pop()
        known = below.get(id(child))
        if len(path) + 1 + (known or 0) > MAX_DEPTH:
            raise LoadError(f"nested deeper than {MAX_DEPTH} levels")
        if known is not None:
            frame[2] = max(frame[2], known + 1)
        elif id(child) not in open_ids:
            open_ids.add(id(child))
            path.append([child, None, 0])


_OPCODES: dict[int, Callable[[Reader], None]] = {
    0x80: Reader.op_proto,
    0x95: Reader.op_frame,
    ord("J"): Reader.op_binint,
    ord("K"): Reader.op_binint1,
    ord("M"): Reader.op_binint2,
    0x8A: Reader.op_long1,
    0x8B: Reader.op_long4,
    ord("G"): Reader.op_binfloat,
    ord("X"): Reader.op_binunicode,
    0x8C: Reader.op_short_binunicode,
    0x8D: Reader.op_binunicode8,
    ord("B"): Reader.op_binbytes,
    ord("C"): Reader.op_short_binbytes,
    0x8E: Reader.op_binbytes8,
    0x96: Reader.op_bytearray8,
    ord("U"): Reader.op_short_binstring,
    ord("T"): Reader.op_binstring,
    ord("N"): Reader.op_none,
    0x88: Reader.op_newtrue,
    0x89: Reader.op_newfalse,
    ord("("): Reader.op_mark,
    ord("0"): Reader.op_pop,
    ord("1"): Reader.op_pop_mark,
    ord(")"): Reader.op_empty_tuple,
    ord("t"): Reader.op_tuple,
    0x85: Reader.op_tuple1,
    0x86: Reader.op_tuple2,
    0x87: Reader.op_tuple3,
    ord("]"): Reader.op_empty_list,
    ord("}"): Reader.op_empty_dict,
    0x8F: Reader.op_empty_set,
    0x91: Reader.op_frozenset,
    ord("a"): Reader.op_append,
    ord("e"): Reader.op_appends,
    0x90: Reader.op_additems,
    ord("s"): Reader.op_setitem,
    ord("u"): Reader.op_setitems,
    ord("q"): Reader.op_binput,
    ord("r"): Reader.op_long_binput,
    0x94: Reader.op_memoize,
    ord("h"): Reader.op_binget,
    ord("j"): Reader.op_long_binget,
    ord("c"): Reader.op_global,
    0x93: Reader.op_stack_global,
    ord("Q"): Reader.op_binpersid,
    ord("R"): Reader.op_reduce,
    0x81: Reader.op_newobj,
    ord("b"): Reader.op_build,
}
_HANDLERS: list[Callable[[Reader], None] | None] = [_OPCODES.get(i) for i in range(256)]
