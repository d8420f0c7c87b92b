"""Seals as a dashboard would, from the description of the format alone."""

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
