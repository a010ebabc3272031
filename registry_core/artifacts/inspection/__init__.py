"""A look into model files without running anything in them: nothing is unpickled, imported or called.

Pickles of protocols 0 to 5, files of joblib's (compressed or not), skops, ONNX, and the native files of XGBoost and
LightGBM. What comes out is an ``Inspection``: trusted, quarantined or refused, and what the file says of itself. It
fails closed: whatever goes wrong in here refuses the file. ``names`` has the rules, ``derive`` makes the list.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from ...evidence import Inspection
from . import containers, work
from .names import PARTIAL, Trust, check_trustable, is_operator, is_trustable
from .refused import Refused
from .values import Made

if TYPE_CHECKING:
    from .facts import Facts

__all__ = ["check_trustable", "inspect", "is_joblib", "kind_of", "unpacked"]

_FIRST_OPCODES = b"\x80(]}lcdIFLNKMJGSUVX)"
_NAMED = 12


def inspect(data: bytes, name: str = "the file", *, extra_trusted: Collection[str] = ()) -> Inspection:
    """Look into the bytes of a model file.

    Args:
        data: the whole file.
        name: what to call it in ``because``.
        extra_trusted: further names, ``module.name``, that somebody has looked at and trusts; see ``check_trustable``.

    Nothing is raised: a file that cannot be understood is refused, and ``because`` says why.
    """
    trust = Trust(extra_trusted)
    kind = "unknown"
    try:
        kind = kind_of(data)
        with work.budget_for(len(data), len(data)):
            found = _look(data, kind, trust)
    except Refused as refusal:
        return _refused(name, kind, str(refusal), trust, refusal.remedy)
    except RecursionError:
        return _refused(name, kind, "it is nested deeper than any model", trust)
    except Exception as error:
        # Nothing is known of a file that breaks the inspection, so nothing good.
        return _refused(name, kind, f"it cannot be read ({type(error).__name__}: {error!s:.80})", trust)
    return _judged(name, kind, found, trust)


def _judged(name: str, kind: str, found: Facts, trust: Trust) -> Inspection:
    unknown = tuple(sorted(trust.unknown))
    if unknown:
        because = f"{name} uses {_advised(unknown, kind)}, or save the model without it"
    else:
        count = len(trust.names)
        because = f"{name} uses trusted imports only ({count})" if count else f"{name} imports nothing"
    return Inspection(
        "quarantined" if unknown else "trusted",
        kind,
        because,
        unknown,
        tuple(sorted(trust.names)),
        found.estimator,
        found.libraries,
        found.inputs,
        found.feature_names,
    )


def _advised(unknown: tuple[str, ...], kind: str) -> str:
    """The names that keep a file in quarantine, and what can be done about those that are hardest to get rid of."""
    for fits, advice in (
        (
            lambda name: kind == "onnx" and not is_operator(name),
            "which ONNX Runtime does not have; export the model with standard operators",
        ),
        (
            lambda name: kind == "onnx",
            "operators of ONNX Runtime outside the standard; trust them, or export the model with standard operators",
        ),
        (
            lambda name: name == PARTIAL,
            "which is trusted only for listed functions with plain values; give a listed function directly, with its "
            "arguments as kw_args of FunctionTransformer, and replace your own function with a class with fit and "
            "transform",
        ),
        (
            lambda name: name.startswith("__main__."),
            "which is defined in a script or notebook, where no other program finds it; move it into a module and "
            "save the model again",
        ),
        (
            lambda name: not is_trustable(name),
            "which can never be trusted; replace it with a class with fit and transform",
        ),
    ):
        names = [name for name in unknown if fits(name)]
        if names:
            return f"{_listed(names)}, {advice}"
    advice = "for a class, have its code reviewed and its import trusted; replace a function with a class"
    return f"{_listed(unknown)}, which is not trusted yet: {advice} with fit and transform"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")


def _refused(name: str, kind: str, why: str, trust: Trust, remedy: str = Refused("").remedy) -> Inspection:
    because = f"{name} is refused: {why}. {remedy}"
    return Inspection("refused", kind, because, tuple(sorted(trust.unknown)), tuple(sorted(trust.names)))


def kind_of(data: bytes) -> str:
    """What a file is, by its first bytes: pickle, joblib, ``joblib, zlib`` and so on, skops, onnx, xgboost, lightgbm.

    Raises:
        Refused: it is empty, or of no kind that holds a model.
    """
    if not data:
        raise Refused("it is empty")
    if method := containers.compression(data):
        return f"joblib, {method}"
    if containers.is_skops(data):
        return "skops"
    if data.startswith(b"CBM1"):
        raise Refused(
            "it is a CatBoost file, which the registry does not read",
            "Save the model as ONNX, by save_model(..., format='onnx'), and upload that file",
        )
    if other := containers.disguise(data):
        raise Refused(f"it looks like {other}, which is not a model file")
    if data[:1] == b"{" and (containers.is_ubjson(data) or data[:64].lstrip(b"{ \r\n\t")[:1] == b'"'):
        return "xgboost"
    if data.startswith(b"tree\n"):
        return "lightgbm"
    # A model's first field is its version, a small number.
    if data[:1] == b"\x08" and len(data) > 2 and 0 < data[1] < 0x40:
        return "onnx"
    if data[0] in _FIRST_OPCODES:
        return "joblib" if is_joblib(data) else "pickle"
    # A table or a note that was chosen by mistake is told by its first word.
    start = data[:12].split(maxsplit=1)[:1]
    text = start[0].decode() if start and start[0].isascii() and start[0].decode().isprintable() else ""
    shown = f"the text {text!r}" if text else f"the bytes {data[:12].hex(' ')}"
    raise Refused(f"it begins with {shown}, unlike any model file")


def is_joblib(data: bytes) -> bool:
    """Whether a pickle has to be read joblib's way: its wrapper of arrays is named, whose bytes stand in between."""
    return b"joblib.numpy_pickle" in data


def unpacked(data: bytes) -> bytes:
    """The pickle within a compressed file; what is not compressed, as it is.

    Raises:
        Refused: it is damaged, or grows beyond all measure.
    """
    method = containers.compression(data)
    return data if method is None else containers.decompress(data, method)


def _look(data: bytes, kind: str, trust: Trust) -> Facts:
    # Each reader is loaded with the first file of its kind, so that a service starts quickly.
    from . import facts

    if kind == "xgboost":
        from . import boosters

        booster = boosters.check_xgboost(data)
        return facts.gather(Made("xgboost.core.Booster", booster=booster))
    if kind == "lightgbm":
        from . import lightgbm_text

        return facts.gather(Made("lightgbm.basic.Booster", booster=lightgbm_text.check(_text(data))))
    if kind == "onnx":
        from . import onnx

        model = onnx.read(data)
        for operator in model.foreign:
            trust.names[operator] = None
            trust.use(operator, "call")
        producer = {} if model.producer is None else {"onnx producer": model.producer[:80]}
        return facts.Facts("onnx.ModelProto", producer, model.inputs, model.feature_names)
    if kind == "skops":
        from . import skops

        return facts.gather(skops.read(data, trust))
    return facts.gather(_unpickled(data, kind, trust))


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("it is not text") from None


def _unpickled(data: bytes, kind: str, trust: Trust) -> Any:
    """The symbolic value of a pickle, which has to be the only thing in the file."""
    from .machine import Machine

    content = unpacked(data)
    if not content or content[0] not in _FIRST_OPCODES or containers.compression(content):
        raise Refused("it is compressed, but there is no pickle inside")
    with work.budget_for(len(data), len(content)) as budget:
        machine = Machine(content, 0, trust, budget, joblib=kind.startswith("joblib"))
        value = machine.run()
    if machine.at != len(content):
        raise Refused(f"it has {len(content) - machine.at} bytes after its STOP opcode")
    return value
