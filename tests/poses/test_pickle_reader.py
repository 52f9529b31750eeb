"""Hostile, damaged and odd pickles: nothing is executed, nothing is reserved, everything is one typed error."""

from __future__ import annotations

import builtins
import collections
import os
import pickle
import random
import struct
import subprocess
import tracemalloc

import numpy as np
import pytest
from payloads import Runs

from poseact.errors import InvalidPoses, LimitExceeded, PoseactError
from poseact.poses import write_pyskl
from poseact.poses.pickle_reader import loads
from poseact.poses.pyskl import read_pyskl

VALUES = {
    "nothing": None,
    "booleans": [True, False],
    "integers": [0, 1, 255, 256, 65535, 65536, -1, -(2**31), 2**31, 2**63, -(2**70), 10**30],
    "floats": [0.0, -1.5, 1e300, float("inf")],
    "texts": ["", "a", "é", "日本", "x" * 300, "a'b\"c\\d\n", "\ud800", "\u2028"],
    "containers": [[], (), {}, [1, [2, (3,)]], (1, 2, 3, 4), {"a": {"b": 1}, 3: "c", 0.5: None}],
    "many": list(range(5000)),
    "ordered": collections.OrderedDict(a=1, b=2),
    "scalars": [np.float32(1.5), np.int64(-3), np.bool_(True), np.str_("clip é")],
}


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_plain_values(value, protocol):
    assert loads(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("shape", [(0,), (), (3,), (2, 3, 4), (0, 5, 17, 2)], ids=str)
@pytest.mark.parametrize("dtype", ["f2", "f4", ">f4", "i1", "i8", "?"])
def test_arrays(dtype, shape, protocol):
    array = np.asarray(np.arange(np.prod(shape)).reshape(shape) % 2).astype(dtype)
    read = loads(pickle.dumps({"x": array, "f": np.asfortranarray(array)}, protocol))
    for value in (read["x"], read["f"]):
        np.testing.assert_array_equal(value, array)
        assert value.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
    assert not read["x"].flags.writeable


def test_the_same_object_twice_is_read_twice():
    array = np.arange(3)
    one, other = loads(pickle.dumps([array, array]))
    assert one is other


def memo_laughs(depth: int = 60) -> bytes:
    return b"]q\x00" + b"".join(b"(h%ch%clq%c" % (n, n, n + 1) for n in range(depth)) + b"."


ARRAY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tC\x01btR"
FLOAT = b"cnumpy\ndtype\n(S'f4'\nK\x00K\x01tR(K\x03S'<'\nNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
HOSTILE = {
    "os.system": pickle.dumps(Runs(os.system, "touch {marker}")),
    "os.system-text": b"cposix\nsystem\n(S'touch {marker}'\ntR.",
    "subprocess": pickle.dumps(Runs(subprocess.check_call, ["touch", "{marker}"])),
    "eval": pickle.dumps(Runs(builtins.eval, "open('{marker}', 'w')")),
    "exec": pickle.dumps(Runs(builtins.exec, "open('{marker}', 'w')")),
    "getattr": pickle.dumps(Runs(builtins.getattr, "x", "format")),
    "inst": b"(S'touch {marker}'\nios\nsystem\n.",
    "obj": b"(cos\nsystem\nS'touch {marker}'\no.",
    "newobj": b"cos\nsystem\nS'touch {marker}'\n\x85\x81.",
    "dotted-name": b"\x80\x04\x8c\x05numpy\x8c\x0bndarray.dump\x93.",
    "numpy-load": b"cnumpy\nload\n.",
    "numpy-memmap": b"cnumpy\nmemmap\n(S'{marker}'\nS'f4'\nS'w+'\ntR.",
    "numpy-testing": b"cnumpy.testing._private.utils\nrunstring\n(S'open({marker})'\n}tR.",
    "codecs-rot13": b"c_codecs\nencode\n(S'x'\nS'rot13'\ntR.",
    "ndarray-called": b"cnumpy\nndarray\n(J\x00\x00\x00\x40tR.",
    "text-called": b"S'x'\n)R.",
    "state-of-a-list": b"]}b.",
    "state-of-a-function": b"cnumpy\ndtype\n}b.",
    "object-array": pickle.dumps(np.array([1, "a", None], object)),
    "structured-array": pickle.dumps(np.zeros(2, [("a", "f4"), ("b", "i4")])),
    "text-array": pickle.dumps(np.array(["a", "b"])),
    "dates": pickle.dumps(np.zeros(2, "datetime64[s]")),
    "subarray-dtype": b"cnumpy\ndtype\n(S'99999f4'\nK\x00K\x01tR.",
    "reconstruct-huge": ARRAY.replace(b"K\x00", b"\x8a\x06\x00\x00\x00\x00\x00\x01") + b".",
    "array-huge": ARRAY + b"(K\x01(\x8a\x06\x00\x00\x00\x00\x00\x01t" + FLOAT + b"\x89C\x04aaaatb.",
    "array-16-gib": ARRAY + b"(K\x01(\x8a\x05\x00\x00\x00\x00\x01t" + FLOAT + b"\x89C\x04aaaatb.",
    "array-negative": ARRAY + b"(K\x01(J\xff\xff\xff\xffJ\xff\xff\xff\xfft" + FLOAT + b"\x89C\x04aaaatb.",
    "array-of-an-expression": b"cnumpy\ndtype\n(S',01'\nK\x00K\x01tR.",
    "array-of-a-list": ARRAY + b"(K\x01(K\x01t" + FLOAT + b"\x89]tb.",
    "array-without-content": b"]" + ARRAY + b"a.",
    "array-filled-twice": ARRAY + b"(K\x01(K\x01t" + FLOAT + b"\x89C\x04aaaat2bb.",
    "bytes-16-gib": b"\x80\x04\x8e" + struct.pack("<Q", 2**34) + b"abc.",
    "bytearray-16-gib": b"\x80\x05\x96" + struct.pack("<Q", 2**34) + b"abc.",
    "text-16-gib": b"\x80\x04\x8d" + struct.pack("<Q", 2**34) + b"abc.",
    "bytes-2-64": b"\x80\x04\x8e" + b"\xff" * 8 + b"abc.",
    "text-negative": b"T\xff\xff\xff\xff.",
    "integer-negative": b"\x8b\xff\xff\xff\xff.",
    "integer-huge": b"\x8b" + struct.pack("<i", 10**6) + b"\x7f" * 10**6 + b".",
    "integer-text-huge": b"I" + b"9" * 10**6 + b"\n.",
    "next-buffer": b"\x80\x05\x97.",
    "persistent-id": b"Pabc\n.",
    "binary-persistent-id": b"S'abc'\nQ.",
    "extension": b"\x82\x01.",
    "set": pickle.dumps({1, 2}),
    "frozen-set": pickle.dumps(frozenset([1])),
    "key-of-nested-tuples": b"}N" + b"\x85q\x00" + b"h\x00h\x00\x86q\x00" * 60 + b"Ns.",
    "key-of-deep-tuples": b"}N" + b"\x85" * 60_000 + b"Ns.",
    "function-of-deep-tuples": b"N" + b"\x85" * 60_000 + b")R.",
    "keys-that-collide": b"}" + b"\x8a\x09" + (2**61 - 1 << 8).to_bytes(9, "little") + b"Ns.",
    "odd-items": b"}(Nu.",
    "no-mark": b"]u.",
    "empty-stack": b".",
    "no-stop": b"N",
    "unknown-memo": b"h\x07.",
    "unknown-opcode": b"\xff.",
    "string-without-quotes": b"Sabc\n.",
    "python-object": pickle.dumps(collections.Counter("aab")),
    "complex": pickle.dumps(1j),
    "slice": pickle.dumps(slice(3)),
}  # fmt: skip


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_pickles(content, tmp_path):
    marker = tmp_path / "executed"
    tracemalloc.start()
    with pytest.raises(InvalidPoses) as caught:
        loads(content.replace(b"{marker}", str(marker).encode()), "poses.pkl")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert not marker.exists()
    assert peak < 256 * 2**20
    assert "\n" not in str(caught.value)


HARMLESS = {
    "deep-lists": b"]" * 60_000 + b"a" * 59_999 + b".",
    "deep-tuples": b")" + b"\x85" * 60_000 + b".",
    "memo-laughs": memo_laughs(),
    "memo-index-2-31": b"Nr\xff\xff\xff\x7f.",
    "recursive-list": b"]q\x00h\x00a.",
    "recursive-dict": b"}q\x00(S'annotations'\nh\x00u.",
    "annotations-of-themselves": b"]q\x00}q\x01(S'annotations'\nh\x00S'keypoint'\nh\x01S'split'\nh\x01ua.",
}


@pytest.mark.parametrize("content", HARMLESS.values(), ids=HARMLESS)
def test_odd_but_finite_pickles_hold_no_poses(content, tmp_path):
    (tmp_path / "odd.pkl").write_bytes(content)
    tracemalloc.start()
    with pytest.raises(InvalidPoses):
        read_pyskl(tmp_path / "odd.pkl")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 256 * 2**20


def test_too_many_steps():
    with pytest.raises(LimitExceeded, match="more than 1000 steps"):
        loads(b"N0" * 1000 + b"N.", max_steps=1000)


@pytest.fixture(scope="module")
def valid(tmp_path_factory, clip) -> bytes:
    path = tmp_path_factory.mktemp("poses") / "valid.pkl"
    write_pyskl(path, [clip("a", frames=3), clip("b", people=1, frames=2)], {"train": ["a"], "test": ["b"]})
    return path.read_bytes()


def test_truncated_files(valid, tmp_path):
    path = tmp_path / "cut.pkl"
    for end in range(0, len(valid), 97):
        path.write_bytes(valid[:end])
        with pytest.raises(InvalidPoses):
            read_pyskl(path)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("writer", ["poseact", "python"])
def test_mutated_files_give_poses_or_a_typed_error(valid, tmp_path, writer):
    content = valid if writer == "poseact" else pickle.dumps(pickle.loads(valid))
    path = tmp_path / "mutated.pkl"
    draw = random.Random(writer)
    structure = [at for at in range(len(content)) if content[at : at + 1].isascii()]
    messages = []
    for _ in range(800):
        mutated = bytearray(content)
        for _ in range(draw.randint(1, 4)):
            at = draw.choice(structure)
            if draw.random() < 0.2:
                del mutated[at : at + draw.randint(1, 8)]
            else:
                mutated[at : at + 1] = draw.randbytes(1)
        path.write_bytes(bytes(mutated))
        try:
            read_pyskl(path)
        except PoseactError as error:
            messages.append(str(error))
    assert len(messages) > 200
    assert not any("\n" in message for message in messages)
