"""Seals as a dashboard would and opens as a worker would, from the description
of the format alone."""

import base64
import ctypes
import ctypes.util
import hashlib
import pathlib

sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
SEAL_BYTES = 48


def public_key(folder):
    """(id, key) of the only key in a folder made by `byoc keygen`."""
    (path,) = pathlib.Path(folder).glob("*.pub")
    encoded = path.read_text().split()[-1]
    key = base64.b64decode(encoded)
    key_id = hashlib.blake2b(key, digest_size=32).hexdigest()[:16]
    assert path.stem == key_id
    return key_id, key


def key_bytes(path):
    return base64.b64decode(pathlib.Path(path).read_text().split()[-1])


def seal(folder, context, plain, key_id=None):
    """byoc1.<key id>.<base64 of a sealed box>, with that key or the only one"""
    if key_id:
        key = key_bytes(f"{folder}/{key_id}.pub")
    else:
        key_id, key = public_key(folder)
    message = context.encode() + b"\0" + plain.encode()
    box = ctypes.create_string_buffer(len(message) + SEAL_BYTES)
    sodium.crypto_box_seal(box, message, ctypes.c_ulonglong(len(message)), key)
    return f"byoc1.{key_id}.{base64.b64encode(box.raw).decode()}"


def key_of(sealed):
    """The id of the key that sealed it."""
    return sealed.split(".")[1]


def unseal(folder, context, sealed):
    """The bytes; complains when they are for something else."""
    path = f"{folder}/{key_of(sealed)}"
    box = base64.b64decode(sealed.split(".")[2])
    whole = ctypes.create_string_buffer(len(box) - SEAL_BYTES)
    assert sodium.crypto_box_seal_open(
        whole, box, ctypes.c_ulonglong(len(box)), key_bytes(path + ".pub"),
        key_bytes(path + ".key")) == 0, f"{context} does not open"
    found, plain = whole.raw.split(b"\0", 1)
    assert found == context.encode(), found
    return plain
