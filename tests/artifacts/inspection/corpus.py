"""Files that must never come into use: each line of the table of bad inputs, as bytes.

The live ones leave a marker file behind when they are loaded without a check. Used by the tests of the inspection, and
by those of upload, load and evaluation.
"""

from __future__ import annotations

import io
import marshal
import operator
import pickle
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import joblib

from . import forged, natives
from .assembly import call, called, made, mapping, name, plain, text, tupled, whole

Expected = Literal["refused", "quarantined", "either"]


@dataclass(frozen=True)
class Bad:
    """One bad file; ``live`` whether loading it raw creates the marker, ``joblib`` whether by joblib."""

    name: str
    data: bytes
    expected: Expected = "refused"
    live: bool = False
    joblib: bool = False


class _Call:
    """Pickles as a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def bad_artifacts(marker: Path) -> list[Bad]:
    """All of them, the same at each call; those that run anything create ``marker`` and nothing else."""
    target = str(marker)
    return [
        *_programs(target),
        *_files(target),
        *_opcodes(target),
        *_gadgets(target),
        *_wrapped(target),
        *_sizes(),
        *_disguises(),
        *forged_models(),
        *(Bad(f"38 {label}", data, expected) for label, data, expected in natives.bad_zips()),
        *(Bad(f"39 {label}", data, expected) for label, data, expected in natives.bad_skops(target)),
        *(Bad(f"40 {label}", data, expected) for label, data, expected in natives.bad_natives()),
    ]


def _live(label: str, body: bytes, expected: Expected = "refused") -> Bad:
    return Bad(label, whole(body), expected, live=True)


def _programs(target: str) -> Iterator[Bad]:
    shell, code = f"echo x > '{target}'", f"open({target!r}, 'w').close()"
    system = name("posix", "system")
    yield _live("01 os.system", call("os", "system", shell))
    yield _live("01 posix.system", call("posix", "system", shell))
    yield Bad("01 os.system, protocol 0", f"cposix\nsystem\n(V{shell}\ntR.".encode(), live=True)
    yield _live("01 os.popen", call("os", "popen", shell))
    yield _live("02 eval", call("builtins", "eval", code))
    yield _live("02 exec", call("builtins", "exec", code))
    yield Bad(
        "02 eval by its name in Python 2", whole(b"c__builtin__\neval\n" + tupled(plain(code)) + b"R", 2), live=True
    )
    yield _live("02 compile", called(name("builtins", "exec"), call("builtins", "compile", code, "x", "exec")))
    yield _live("03 subprocess.call", call("subprocess", "call", ["touch", target]))
    yield _live("03 subprocess.Popen", call("subprocess", "Popen", ["touch", target]))
    yield _live("03 subprocess.getoutput", call("subprocess", "getoutput", shell))
    yield Bad(
        "03 subprocess by its name in Python 2",
        whole(b"ccommands\ngetoutput\n" + tupled(plain(shell)) + b"R", 2),
        live=True,
    )
    os = call("importlib", "import_module", "os")
    yield _live(
        "04 getattr of an imported module",
        called(called(name("builtins", "getattr"), os, text("system")), plain(shell)),
    )
    yield _live(
        "04 __import__",
        called(called(name("builtins", "getattr"), call("builtins", "__import__", "os"), text("system")), plain(shell)),
    )
    yield Bad(
        "04 getattr alone", whole(called(name("builtins", "getattr"), name("numpy", "sin"), text("at"))), "quarantined"
    )
    yield _live("05 runpy", called(name("runpy", "_run_code"), plain(code), plain({})))
    touch = called(name("operator", "methodcaller"), text("touch"))
    yield _live("06 methodcaller", called(touch, call("pathlib", "Path", target)))
    yield _live("06 attrgetter", called(called(call("operator", "attrgetter", "system"), os), plain(shell)))
    yield _live("07 partial of os.system", called(called(name("functools", "partial"), system, plain(shell))))
    yield Bad(
        "07 partial of a harmless function",
        whole(called(name("functools", "partial"), name("numpy", "sum"))),
        "quarantined",
    )
    yield from partials(target)
    yield _live(
        "07 map, run by a set", called(name("builtins", "set"), called(name("builtins", "map"), system, plain([shell])))
    )
    yield _live("07 reduce", called(name("functools", "reduce"), name("posix", "mkdir"), plain([target, 511])))
    yield _live("08 timeit", call("timeit", "timeit", "pass", code))
    yield _live("08 cProfile", call("cProfile", "run", code, None))
    yield _live(
        "08 trace", called(called(name("builtins", "getattr"), call("trace", "Trace"), text("run")), plain(code))
    )
    runs = called(name("builtins", "getattr"), call("code", "InteractiveInterpreter"), text("runsource"))
    yield _live("08 code", called(runs, plain(code)))
    yield _live("08 bdb", called(called(name("builtins", "getattr"), call("bdb", "Bdb"), text("run")), plain(code)))
    yield Bad("09 pty.spawn", whole(call("pty", "spawn", ["touch", target])))
    yield _live("09 os.spawnvp", call("os", "spawnvp", 0, "touch", ["touch", target]))
    library = called(name("builtins", "getattr"), call("ctypes", "CDLL", None), text("system"))
    yield _live("10 ctypes", called(library, plain(shell.encode())))
    yield Bad("11 pip.main", whole(call("pip", "main", ["--log", target, "list"])))
    packed = marshal.dumps(compile(code, "x", "exec"))
    yield _live(
        "12 marshal", called(called(name("types", "FunctionType"), call("marshal", "loads", packed), plain({})))
    )
    yield Bad("13 webbrowser", whole(call("webbrowser", "open", "http://127.0.0.1:9/")))
    yield Bad("13 socket", whole(call("socket", "create_connection", ("127.0.0.1", 9))))
    yield _live("13 urllib", call("urllib.request", "urlretrieve", "data:,x", target))


def partials(target: str) -> Iterator[Bad]:
    """Every use of functools.partial beside the plain one: a listed function with plain values, as pickle writes it."""
    shell = f"echo x > '{target}'"
    kind, system = name("functools", "partial"), name("posix", "system")
    log, stranger = name("numpy", "log1p"), name("mymodels", "log")
    nothing = plain({}) + plain(None)

    def built(first: bytes, function: bytes, arguments: bytes = tupled(), rest: bytes = nothing) -> bytes:
        return called(kind, first) + tupled(function, arguments, rest) + pickle.BUILD

    yield Bad("07 partial with os.system in its state", whole(built(log, system, tupled(plain(shell)))))
    yield _live(
        "07 partial whose state brings os.system, called",
        called(built(log, system, tupled(plain(shell)))),
    )
    yield Bad("07 partial, called at once", whole(called(built(log, log), plain(1.0))))
    yield Bad("07 partial whose state names another function", whole(built(log, name("numpy", "exp"))), "quarantined")
    yield Bad("07 partial of a stranger", whole(built(stranger, stranger)), "quarantined")
    inner = built(log, log)
    yield Bad("07 partial of a partial", whole(built(inner, inner)), "quarantined")
    yield Bad("07 partial of a partial in its state only", whole(built(log, inner)), "quarantined")
    model = made("sklearn.linear_model._logistic", "LogisticRegression")
    yield Bad("07 partial with an object", whole(built(log, log, tupled(model))), "quarantined")
    yield Bad("07 partial with a function", whole(built(log, log, tupled(log))), "quarantined")
    yield Bad("07 partial with a class", whole(built(log, log, tupled(name("numpy", "ndarray")))), "quarantined")
    odd = mapping(out=model) + plain(None)
    yield Bad("07 partial with an object by its name", whole(built(log, log, tupled(), odd)), "quarantined")
    attributes = plain({}) + mapping(func=log)
    late = built(log, log, tupled(), plain({}) + b"q\x00" + plain(None)) + b"h\x00" + text("out") + model + b"s0"
    yield Bad("07 partial with an object put in later", whole(late))
    yield Bad("07 partial with attributes", whole(built(log, log, tupled(), attributes)), "quarantined")
    yield Bad("07 partial with arguments from the start", whole(called(kind, log, plain(1.0))), "quarantined")
    yield Bad("07 partial made without a call", whole(kind + tupled(log) + pickle.NEWOBJ), "quarantined")
    yield Bad("07 partial as a value", whole(tupled(kind)), "quarantined")
    yield Bad("07 partial itself patched", whole(kind + mapping(func=log) + pickle.BUILD))
    yield Bad("07 partial with its state twice", whole(built(log, log) + tupled(log, tupled(), nothing) + pickle.BUILD))


def _files(target: str) -> Iterator[Bad]:
    yield _live("14 open for writing", call("builtins", "open", target, "w"))
    yield _live("14 io.open", call("_io", "open", target, "w"))
    yield Bad("14 open for reading", whole(call("builtins", "open", "/etc/hostname")))
    yield _live("14 logging.FileHandler", call("logging", "FileHandler", target))
    yield _live("14 zipfile", call("zipfile", "ZipFile", target, "w"))
    yield _live("14 tarfile", call("tarfile", "open", target, "w"))
    yield _live("14 os.mkdir", call("os", "mkdir", target))
    yield _live("14 shutil.copy", call("shutil", "copy", "/etc/passwd", target))
    yield Bad("14 shutil.rmtree", whole(call("shutil", "rmtree", target)))
    yield _live("27 numpy.savetxt", call("numpy", "savetxt", target, [1.0]))
    yield Bad("27 numpy.save", whole(call("numpy", "save", target, [1.0])))
    yield _live("27 numpy.memmap", call("numpy", "memmap", target, "u1", "w+", 0, (1,)))
    yield Bad("27 numpy.load", whole(call("numpy", "load", target, None, True)))
    yield Bad(
        "25 NDArrayWrapper",
        whole(
            made(
                "joblib.numpy_pickle_compat",
                "NDArrayWrapper",
                mapping(filename=text(target), subclass=name("numpy", "ndarray"), allow_mmap=plain(False)),
            )
        ),
    )


def _opcodes(target: str) -> Iterator[Bad]:
    shell = f"echo x > '{target}'"
    payload = call("posix", "system", shell)
    yield Bad("15 INST", f'(S"{shell}"\niposix\nsystem\n.'.encode(), live=True)
    yield Bad("15 OBJ", b"(cposix\nsystem\nV" + shell.encode() + b"\no.", live=True)
    remembered = (
        text("posix") + b"q\x00" + b"0" + text("system") + b"q\x01" + b"0h\x00h\x01\x93" + tupled(plain(shell)) + b"R"
    )
    yield _live("16 names from the memo", remembered)
    twice = text("posix") + b"q\x00" + b"0" + text("numpy") + b"q\x00" + b"0" + text("posix") + b"q\x00" + b"0"
    yield _live(
        "16 a slot of the memo written twice", twice + b"h\x00" + text("system") + b"\x93" + tupled(plain(shell)) + b"R"
    )
    yield Bad("17 payload, then a broken opcode", b"\x80\x04" + payload + b"0\xff.", live=True)
    yield Bad("18 payload without STOP", b"\x80\x04" + payload, live=True)
    good = pickle.dumps({"a": 1})
    yield Bad("19 a second pickle", good + whole(payload))
    yield Bad("19 bytes behind", good + b"\0")
    yield Bad("20 EXT1", b"\x80\x04\x82\x01.")
    yield Bad("20 EXT4", b"\x80\x04\x84\x01\x00\x00\x00.")
    yield Bad("20 PERSID", b"Pos.system\n.")
    yield Bad("20 BINPERSID", b"\x80\x04" + text("x") + b"Q.")
    yield Bad(
        "20 NEWOBJ_EX", whole(name("subprocess", "Popen") + tupled(plain(["touch", target])) + plain({}) + b"\x92")
    )
    yield Bad("20 NEXT_BUFFER", b"\x80\x05\x97.")
    yield _live("21 dotted name", called(name("sklearn.datasets._base", "os.system"), plain(shell)))
    yield _live("21 dotted name through joblib", called(name("joblib.numpy_pickle", "os.system"), plain(shell)))
    escaped = b"V\\u0070osix\n" + text("system") + b"\x93"
    yield _live("21 escaped name", escaped + tupled(plain(shell)) + b"R")
    yield Bad("21 name of another alphabet", whole(name("\u043es", "system")))
    yield Bad("21 line feed in a name", whole(name("numpy", "sin\n")))
    yield Bad(
        "22 frame longer than the file", b"\x80\x04\x95" + (1 << 40).to_bytes(8, "little") + payload + b".", "refused"
    )
    yield Bad(
        "22 frame within a frame",
        b"\x80\x04\x95" + (20).to_bytes(8, "little") + b"N0\x95" + (2).to_bytes(8, "little") + b"N0" * 10 + b"N.",
    )
    body = payload + b"."
    yield Bad("22 argument across a frame", b"\x80\x04\x95" + (8).to_bytes(8, "little") + body, live=True)
    yield Bad(
        "24 object array",
        pickle.dumps(forged.object_array(_Call(operator.methodcaller("touch"), Path(target)))),
        "refused",
        live=True,
    )
    buffer = io.BytesIO()
    joblib.dump(forged.object_array(_Call(operator.methodcaller("touch"), Path(target))), buffer)
    yield Bad("24 object array in a file of joblib's", buffer.getvalue(), "refused", live=True, joblib=True)
    yield Bad(
        "24 joblib's wrapper in a file of another kind",
        whole(b"V" + b"joblib.numpy\\u005fpickle\n" + text("NumpyArrayWrapper") + b"\x93)\x81}b"),
    )
    patched = (
        name("sklearn.linear_model._logistic", "LogisticRegression") + mapping(predict=name("numpy", "sum")) + b"b"
    )
    yield Bad("30 class patch", whole(patched))
    yield Bad(
        "30 class patch through a slot",
        whole(
            made(
                "sklearn.linear_model._logistic",
                "LogisticRegression",
                tupled(plain(None), mapping(__class__=name("numpy", "ndarray"))),
            )
        ),
    )


def _gadgets(target: str) -> Iterator[Bad]:
    code = f"open({target!r}, 'w').close()"
    yield _live("26 numpy.testing runs text", call("numpy.testing._private.utils", "runstring", code, {}))
    yield _live("26 joblib.dump", call("joblib.numpy_pickle", "dump", [1], target))
    yield _live(
        "26 scikit-learn writes a file",
        call("sklearn.datasets._svmlight_format_io", "dump_svmlight_file", [[1.0]], [1], target),
        "either",
    )
    yield _live("26 scikit-learn makes a folder", call("sklearn.datasets._base", "get_data_home", target), "either")
    yield _live("26 scipy writes a file", call("scipy.io", "savemat", target, {}, False))
    yield Bad("26 joblib.load", whole(call("joblib.numpy_pickle", "load", target)))
    template = f"{code}\ndef _parse_args(*a): pass\ndef _parse_args_rvs(*a): pass\ndef _parse_args_stats(*a): pass\n"
    state = mapping(_parse_arg_template=text(template), _ctor_param=plain({}), moment_type=plain(1))
    yield _live(
        "26 source code in a distribution of scipy's", made("scipy.stats._continuous_distns", "uniform_gen", state)
    )
    yield Bad("26 class of one's own", whole(made("mymodels", "Winner", mapping(weight=plain(1.0)))), "quarantined")
    yield Bad("26 function of one's own", whole(call("mymodels", "winner")), "quarantined")
    yield Bad("26 class of a script", whole(made("__main__", "Model")), "quarantined")
    transformer = "sklearn.preprocessing._function_transformer", "FunctionTransformer"
    yield Bad("28 FunctionTransformer around os.system", whole(made(*transformer, mapping(func=name("os", "system")))))
    yield Bad(
        "28 FunctionTransformer around a stranger",
        whole(made(*transformer, mapping(func=name("mymodels", "log")))),
        "quarantined",
    )
    yield Bad("28 FunctionTransformer around text", whole(made(*transformer, mapping(func=text("os.system")))))
    yield Bad(
        "28 pipeline that caches",
        whole(made("sklearn.pipeline", "Pipeline", mapping(steps=plain([]), memory=text(target)))),
    )
    memory = made("joblib.memory", "Memory", mapping(location=text(target)))
    yield Bad(
        "28 pipeline with a Memory",
        whole(made("sklearn.pipeline", "Pipeline", mapping(steps=plain([]), memory=memory))),
    )
    yield Bad(
        "29 vectorizer that reads files",
        whole(made("sklearn.feature_extraction.text", "TfidfVectorizer", mapping(input=text("filename")))),
    )
    yield Bad(
        "29 vectorizer that reads open files",
        whole(made("sklearn.feature_extraction.text", "HashingVectorizer", mapping(input=text("file")))),
    )


def _wrapped(target: str) -> Iterator[Bad]:
    content = _Call(operator.methodcaller("touch"), Path(target))
    for method in ("zlib", "gzip", "bz2", "lzma", "xz", "lz4"):
        buffer = io.BytesIO()
        joblib.dump(content, buffer, compress=(method, 3))
        yield Bad(f"23 {method}", buffer.getvalue(), "refused", live=True, joblib=True)
    buffer = io.BytesIO()
    joblib.dump({"a": 1}, buffer, compress=("zlib", 3))
    yield Bad("23 zlib, and bytes behind it", buffer.getvalue() + b"x")
    yield Bad("23 zlib, cut off", buffer.getvalue()[:-5])
    yield Bad("23 zlib within zlib", zlib.compress(buffer.getvalue()))


def _sizes() -> Iterator[Bad]:
    zeros = bytes(1 << 20)
    deflate = zlib.compressobj(9)
    packed = b"".join(deflate.compress(zeros) for _ in range(80)) + deflate.flush()
    yield Bad("33 bomb of zlib", packed)
    deflate = zlib.compressobj(9, wbits=31)
    yield Bad("33 bomb of gzip", b"".join(deflate.compress(zeros) for _ in range(80)) + deflate.flush())
    yield Bad("33 bytearray of a terabyte", whole(call("builtins", "bytearray", 1 << 40)))
    yield Bad("33 text times a million", whole(call("operator", "mul", "x" * 1000, 1_000_000)))
    yield Bad("33 range without end", whole(called(name("builtins", "set"), call("builtins", "range", 1 << 62))))
    yield Bad("33 number of a thousand bytes", b"\x80\x04\x8b\xe8\x03\x00\x00" + b"\x01" * 1000 + b".")
    yield Bad("34 slot two thousand million of the memo", b"\x80\x04Nr\xff\xff\xff\x7f.")
    yield Bad("34 a hundred thousand tuples deep", b"\x80\x04)" + b"\x85" * 100_000 + b".")
    yield Bad("34 a hundred thousand marks", b"\x80\x04" + b"(" * 100_000 + b"N.")
    yield Bad("34 steps without end", b"\x80\x04" + b"N0" * 2_100_000 + b"N.")
    yield Bad("34 a key a hundred thousand tuples deep", b"\x80\x04})" + b"\x85" * 100_000 + b"Ns.")
    doubled = b")\x94" + b"".join(b"h" + bytes([level]) + b"h" + bytes([level]) + b"\x86\x94" for level in range(60))
    yield Bad("34 a key of all doublings", b"\x80\x04" + doubled + b"0}h\x3cNs.")
    yield Bad("34 doublings in place of a shape", b"\x80\x04" + doubled + b"0" + name("numpy", "dtype") + b"h\x3cR.")
    yield Bad("34 keys that all collide", whole(plain({(2**61 - 1) * (1 + number): None for number in range(1000)})))
    yield Bad("35 bytes without end", b"\x80\x04\x8e" + (1 << 60).to_bytes(8, "little") + b"x.")
    yield Bad("35 text without end", b"\x80\x04\x8d" + (1 << 60).to_bytes(8, "little") + b"x.")
    yield Bad("35 unknown protocol", b"\x80\x63N.")
    yield Bad("36 empty", b"")
    good = pickle.dumps({"weights": list(range(100))})
    yield Bad("36 one byte", good[:1])
    yield Bad("36 cut in the middle", good[: len(good) // 2])
    yield Bad("36 cut before STOP", good[:-1])


def _disguises() -> Iterator[Bad]:
    heads = {
        "ELF": b"\x7fELF\x02\x01\x01",
        "Windows program": b"MZ\x90\x00",
        "PNG": b"\x89PNG\r\n\x1a\n",
        "JPEG": b"\xff\xd8\xff\xe0",
        "PDF": b"%PDF-1.7",
        "HTML": b"\n <!DOCTYPE html><html><script>alert(1)</script></html>",
        "7z": b"7z\xbc\xaf\x27\x1c",
        "npy": b"\x93NUMPY\x01\x00",
        "CatBoost": b"CBM1\x40\x00\x00\x00",
        "HDF5": b"\x89HDF\r\n\x1a\n",
        "ZIP": b"PK\x03\x04\x14\x00\x00\x00",
        "joblib before 0.10": b"ZF0x00000000000000ff",
        "script": b"#!/bin/sh\nexit 0\n",
        "text": b"hello, this is my best model",
    }
    for label, head in heads.items():
        yield Bad(f"37 {label}", head + bytes(64))
    yield Bad("37 tar", bytes(257) + b"ustar\x0000" + bytes(300))


def forged_models() -> Iterator[Bad]:
    """Models of trusted names only, whose numbers lead outside their arrays, or whose types lie."""
    for label, data in forged.dishonest_types():
        yield Bad(f"31 {label}", data)
    for label, data in forged.out_of_bounds():
        yield Bad(f"32 {label}", data)
    yield Bad("35 array of joblib's with more bytes than there are", forged.joblib_promise())
    yield Bad("35 array of joblib's within an open frame", forged.joblib_in_frame(), joblib=True)
