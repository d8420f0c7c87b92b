"""PostgreSQL and RabbitMQ, with a database and a vhost of the test's own.

They are those of the ctest run when $BYOC_BUILD_DIR has a services.env, else
private ones that end with the test.
"""

import contextlib
import json
import os
import pathlib
import subprocess
import tempfile
import urllib.parse
import uuid

import psycopg2

from roles import DEPLOY, Roles

LOCAL = DEPLOY / "local"


def read_settings(path):
    """NAME=value lines as a dictionary."""
    lines = pathlib.Path(path).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def free_port():
    return int(subprocess.run(
        ["bash", "-c", f". '{LOCAL}/ports.sh'; free_port"], check=True,
        capture_output=True).stdout)


class Services:
    """Where PostgreSQL and RabbitMQ are; own ones may be stopped and killed."""

    def __init__(self, own=False):
        shared = pathlib.Path(os.environ.get("BYOC_BUILD_DIR", "/nowhere"),
                              "services.env")
        self.folder = None
        if shared.exists() and not own:
            settings = {name.removeprefix("BYOC_TEST_"): value
                        for name, value in read_settings(shared).items()}
        else:
            self.folder = tempfile.mkdtemp(prefix="byoc-services-")
            self.run("services.sh", "start", self.folder, str(os.getpid()))
            settings = read_settings(f"{self.folder}/env")
        self.postgres_dir = settings["POSTGRES_DIR"]
        self.rabbitmq_dir = settings["RABBITMQ_DIR"]
        self.server_url = settings["DATABASE_URL"]
        self.broker_url = settings["AMQP_URL"]
        self.name = f"test_{uuid.uuid4().hex[:12]}"
        self.roles = Roles(self.name)
        self.database_url = self.make_database()
        self.amqp_url = self.make_vhost()

    @staticmethod
    def run(script, *arguments):
        subprocess.run([str(LOCAL / script), *arguments], check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

    def administrator(self):
        connection = psycopg2.connect(self.server_url)
        connection.autocommit = True
        return connection

    def make_database(self):
        connection = self.administrator()
        owner = self.roles.login("owner")
        cursor = connection.cursor()
        cursor.execute(f"CREATE ROLE {owner} LOGIN CREATEROLE PASSWORD %s",
                       (self.roles.password,))
        cursor.execute(f"GRANT pg_read_all_stats TO {owner}")
        cursor.execute(f"CREATE DATABASE {self.name} OWNER {owner}")
        connection.close()
        parts = urllib.parse.urlsplit(self.server_url)
        return self.roles.url(
            parts._replace(path=f"/{self.name}").geturl(), "owner")

    def make_vhost(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(self.roles.definitions(), file)
            file.flush()
            self.rabbitmq("eval", f'{{ok, Body}} = file:read_file("{file.name}"),'
                          " ok = rabbit_definitions:import_raw(Body).")
        parts = urllib.parse.urlsplit(self.broker_url)
        return parts._replace(path=f"/{self.name}").geturl()

    def database_url_of(self, role=None):
        """Without a role: the owner's."""
        return (self.roles.url(self.database_url, role) if role
                else self.database_url)

    def amqp_url_of(self, role=None):
        """Without a role: the administrator's."""
        return self.roles.url(self.amqp_url, role) if role else self.amqp_url

    def postgres(self, verb):
        self.run("postgres.sh", verb, self.postgres_dir)

    def rabbitmq(self, verb, *arguments):
        self.run("rabbitmq.sh", verb, self.rabbitmq_dir, *arguments)

    def stop(self):
        """Nothing of the test's is left at work."""
        if self.folder:
            self.run("services.sh", "remove", self.folder)
            return
        with contextlib.closing(self.administrator()) as connection:
            connection.cursor().execute(
                f"DROP DATABASE {self.name} WITH (FORCE)")
        self.rabbitmq("eval",
                      f'ok = rabbit_vhost:delete(<<"{self.name}">>, <<"guest">>).')
