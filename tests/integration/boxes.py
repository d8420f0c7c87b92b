"""X25519 key pairs and libsodium's sealed boxes, as a dashboard has them."""

import base64
import ctypes
import ctypes.util
import pathlib

sodium = ctypes.CDLL(ctypes.util.find_library("sodium"))
assert sodium.sodium_init() >= 0
KEY_BYTES = 32
SEAL_BYTES = 48


class KeyPair:
    """A new one, or that of a folder made by `byoc keygen`."""

    def __init__(self, folder=None):
        if folder:
            (path,) = pathlib.Path(folder).glob("*.key")
            self.public = self.read(path.with_suffix(".pub"))
            self.secret = self.read(path)
            return
        public = ctypes.create_string_buffer(KEY_BYTES)
        secret = ctypes.create_string_buffer(KEY_BYTES)
        assert sodium.crypto_box_keypair(public, secret) == 0
        self.public, self.secret = public.raw, secret.raw

    @staticmethod
    def read(path):
        return base64.b64decode(path.read_text().split()[-1])

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
