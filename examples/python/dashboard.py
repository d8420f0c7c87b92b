"""A dashboard, as small as it can be: stores a token that nobody here can read
again, and asks for a cluster.

    dashboard.py credential KEY.pub NAME < token
    dashboard.py cluster CREDENTIAL NAME LOCATION TYPE
"""

import base64
import hashlib
import os
import pathlib
import sys
import uuid

import psycopg2
from nacl.public import PublicKey, SealedBox


def seal(pub_file, credential, token):
    """byoc1.<key id>.<base64 of a sealed box>, for that credential only."""
    key = base64.b64decode(pathlib.Path(pub_file).read_text().split()[-1])
    key_id = hashlib.blake2b(key, digest_size=32).hexdigest()[:16]
    plain = f"credential:{credential}:token".encode() + b"\0" + token.encode()
    box = SealedBox(PublicKey(key)).encrypt(plain)
    return f"byoc1.{key_id}.{base64.b64encode(box).decode()}"


def add_credential(cursor, pub_file, name):
    credential = str(uuid.uuid4())
    token = sys.stdin.readline().strip()
    cursor.execute(
        "INSERT INTO byoc.credentials (id, name, sealed_token)"
        " VALUES (%s, %s, %s)",
        (credential, name, seal(pub_file, credential, token)))
    cursor.execute("SELECT byoc.enqueue('credential.validate', %s)",
                   (credential,))
    return credential


def add_cluster(cursor, credential, name, location, type):
    cluster = str(uuid.uuid4())
    cursor.execute(
        "INSERT INTO byoc.clusters (id, name, credential_id, location, type)"
        " VALUES (%s, %s, %s, %s, %s)",
        (cluster, name, credential, location, type))
    cursor.execute("SELECT byoc.enqueue('cluster.provision', %s)", (cluster,))
    return cluster


def main(verb, *arguments):
    asks = {"credential": add_credential, "cluster": add_cluster}
    connection = psycopg2.connect(os.environ["DATABASE_URL"])
    try:
        # The record and the job, or neither.
        with connection, connection.cursor() as cursor:
            print(asks[verb](cursor, *arguments))
    except psycopg2.Error as refused:  # such as BY001: too many clusters
        sys.exit(f"{refused.pgcode}: {refused}")
    finally:
        connection.close()


main(*sys.argv[1:])
