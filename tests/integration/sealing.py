"""Seals as a dashboard would, and opens as a worker would, from the description
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


def seal(folder, context, plain):
    """byoc1.<key id>.<base64 of a sealed box>"""
    key_id, key = public_key(folder)
    message = context.encode() + b"\0" + plain.encode()
    box = ctypes.create_string_buffer(len(message) + SEAL_BYTES)
    sodium.crypto_box_seal(box, message, ctypes.c_ulonglong(len(message)), key)
    return f"byoc1.{key_id}.{base64.b64encode(box.raw).decode()}"


def unseal(folder, context, sealed):
    """What seal() was given."""
    version, key_id, box = sealed.split(".")
    assert version == "byoc1"
    line = pathlib.Path(folder, f"{key_id}.key").read_text()
    secret = base64.b64decode(line.split()[-1])
    public = ctypes.create_string_buffer(32)
    assert sodium.crypto_scalarmult_base(public, secret) == 0
    box = base64.b64decode(box)
    plain = ctypes.create_string_buffer(len(box) - SEAL_BYTES)
    assert sodium.crypto_box_seal_open(
        plain, box, ctypes.c_ulonglong(len(box)), public, secret) == 0
    found, text = plain.raw.split(b"\0", 1)
    assert found.decode() == context
    return text.decode()
