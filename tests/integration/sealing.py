"""Sealed texts as a dashboard makes them and as a worker does, from the
description of the format (include/byoc/seal.h) alone."""

import base64
import ctypes
import ctypes.util
import hashlib
import os
import pathlib

sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
assert sodium.sodium_init() >= 0
KEY_BYTES = 32
SEAL_BYTES = 48
NONCE_BYTES = 24
TAG_BYTES = 16


def key_bytes(path):
    return base64.b64decode(path.read_text().split()[-1])


class KeyPair:
    """A new one, or that of a folder made by `byoc keygen`: the one with that
    id, or the only one."""

    def __init__(self, folder=None, key_id="*"):
        if folder:
            (path,) = pathlib.Path(folder).glob(f"{key_id}.key")
            self.public = key_bytes(path.with_suffix(".pub"))
            self.secret = key_bytes(path)[:KEY_BYTES]
            return
        public = ctypes.create_string_buffer(KEY_BYTES)
        secret = ctypes.create_string_buffer(KEY_BYTES)
        assert sodium.crypto_box_keypair(public, secret) == 0
        self.public, self.secret = public.raw, secret.raw

    @property
    def text(self):
        """The public key as it is sent along."""
        return base64.b64encode(self.public).decode()

    def open(self, sealed):
        """The bytes in a sealed box in base64; None: it does not open."""
        box = base64.b64decode(sealed, validate=True)
        plain = ctypes.create_string_buffer(len(box) - SEAL_BYTES)
        opened = sodium.crypto_box_seal_open(
            plain, box, ctypes.c_ulonglong(len(box)), self.public, self.secret)
        return plain.raw if opened == 0 else None


def public_key(folder, key_id="*"):
    """(id, key) of the key with that id in a folder made by `byoc keygen`, or
    of the only one."""
    (path,) = pathlib.Path(folder).glob(f"{key_id}.pub")
    key = key_bytes(path)
    assert path.stem == hashlib.blake2b(key, digest_size=32).hexdigest()[:16]
    return path.stem, key


def seal(folder, context, plain, key_id="*"):
    """byoc1.<key id>.<base64 of a sealed box>, with that key or the only one"""
    key_id, key = public_key(folder, key_id)
    message = context.encode() + b"\0" + plain.encode()
    box = ctypes.create_string_buffer(len(message) + SEAL_BYTES)
    sodium.crypto_box_seal(box, message, ctypes.c_ulonglong(len(message)), key)
    return f"byoc1.{key_id}.{base64.b64encode(box.raw).decode()}"


def own_key(folder, key_id="*"):
    """(id, key) that workers seal with."""
    (path,) = pathlib.Path(folder).glob(f"{key_id}.key")
    return path.stem, key_bytes(path)[KEY_BYTES:]


def seal_own(folder, context, plain, key_id="*"):
    """byoc2.<key id>.<base64 of nonce, ciphertext and tag>"""
    key_id, key = own_key(folder, key_id)
    nonce, plain, context = (
        os.urandom(NONCE_BYTES), plain.encode(), context.encode())
    out = ctypes.create_string_buffer(len(plain) + TAG_BYTES)
    sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
        out, None, plain, ctypes.c_ulonglong(len(plain)),
        context, ctypes.c_ulonglong(len(context)), None, nonce, key)
    return f"byoc2.{key_id}.{base64.b64encode(nonce + out.raw).decode()}"


def key_of(sealed):
    """The id of the key that sealed it."""
    return sealed.split(".")[1]


def unseal(folder, context, sealed):
    """The bytes; complains when they are for something else."""
    version, key_id, text = sealed.split(".")
    if version == "byoc2":
        return unseal_own(folder, context, key_id, base64.b64decode(text))
    whole = KeyPair(folder, key_id).open(text)
    assert whole is not None, f"{context} does not open"
    found, plain = whole.split(b"\0", 1)
    assert found == context.encode(), found
    return plain


def unseal_own(folder, context, key_id, sealed):
    nonce, rest = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    context = context.encode()
    out = ctypes.create_string_buffer(len(rest) - TAG_BYTES)
    opened = sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
        out, None, None, rest, ctypes.c_ulonglong(len(rest)),
        context, ctypes.c_ulonglong(len(context)), nonce,
        own_key(folder, key_id)[1])
    assert opened == 0, f"{context} does not open"
    return out.raw
