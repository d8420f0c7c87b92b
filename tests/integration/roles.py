"""The database's logins and the broker's users of a World, with the rights that
deploy/ gives to each: "dashboard", "worker" and "consumer"."""

import base64
import hashlib
import json
import os
import pathlib
import secrets
import subprocess
import urllib.parse

import psycopg2

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"
DEFINITIONS = DEPLOY / "rabbitmq" / "definitions.json"
OWN_ROLES = ("dashboard", "worker")


def hash_password(password):
    """As RabbitMQ keeps it: a salt, and the SHA-256 of salt and password."""
    salt = os.urandom(4)
    digest = hashlib.sha256(salt + password.encode()).digest()
    return base64.b64encode(salt + digest).decode()


def url_of(url, user, password):
    """The same place, entered by somebody else."""
    parts = urllib.parse.urlsplit(url)
    return parts._replace(
        netloc=f"{user}:{password}@{parts.hostname}:{parts.port}").geturl()


def psql_environment(url):
    """The URL for psql, not as an argument: it holds a password."""
    parts = urllib.parse.urlsplit(url)
    return {**os.environ, "PGHOST": parts.hostname, "PGPORT": str(parts.port),
            "PGUSER": parts.username, "PGPASSWORD": parts.password,
            "PGDATABASE": parts.path[1:]}


class Roles:
    """Everybody's name begins with the World's, since a server has one list of
    users for all databases or vhosts."""

    def __init__(self, world_name):
        self.world_name = world_name
        self.password = secrets.token_hex(16)

    def login(self, role):
        return f"{self.world_name}_{role}"

    def url(self, url, role):
        return url_of(url, self.login(role), self.password)

    def definitions(self):
        """deploy/rabbitmq/definitions.json for the World's own vhost, where
        guest may do everything."""
        definitions = json.loads(DEFINITIONS.read_text())
        definitions["vhosts"] = [{"name": self.world_name}]
        for kind in ("permissions", "exchanges", "queues", "bindings"):
            for thing in definitions[kind]:
                thing["vhost"] = self.world_name
        for user in definitions["users"]:
            user["name"] = self.login(user["name"])
            user["password_hash"] = hash_password(self.password)
        for permission in definitions["permissions"]:
            permission["user"] = self.login(permission["user"])
        definitions["permissions"].append(
            {"user": "guest", "vhost": self.world_name,
             "configure": ".*", "write": ".*", "read": ".*"})
        return definitions

    def grant(self, database_url):
        """Does what an administrator does after `byoc migrate`."""
        self.run_file(database_url)
        connection = psycopg2.connect(database_url)
        with connection, connection.cursor() as cursor:
            for role in OWN_ROLES:
                cursor.execute(
                    f"CREATE ROLE {self.login(role)} LOGIN PASSWORD %s"
                    f" IN ROLE byoc_{role}", (self.password,))
        connection.close()

    @staticmethod
    def run_file(database_url, file="roles.sql", **environment):
        subprocess.run(
            ["psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1",
             "--file", DEPLOY / file],
            env={**psql_environment(database_url), **environment},
            stdin=subprocess.DEVNULL, check=True)
