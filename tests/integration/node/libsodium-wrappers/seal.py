"""[SIZE, MESSAGE] on standard input: its BLAKE2b; [MESSAGE, KEY]: a sealed box.
Texts are in base64; the answer is bytes."""

import base64
import hashlib
import json
import sys

from nacl.public import PublicKey, SealedBox

first, second = (one if isinstance(one, int) else base64.b64decode(one)
                 for one in json.load(sys.stdin))
sys.stdout.buffer.write(
    hashlib.blake2b(second, digest_size=first).digest()
    if isinstance(first, int) else SealedBox(PublicKey(second)).encrypt(first))
