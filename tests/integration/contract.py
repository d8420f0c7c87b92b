"""The written contract: the schemas of jobs and events, and the AsyncAPI
description, with what a test needs to hold them against messages."""

import json
import pathlib

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "schema"
ASYNCAPI = SCHEMA / "asyncapi.yaml"


def load(path):
    text = path.read_text()
    return json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)


def validator(schema):
    return jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.draft202012_format_checker)


def message_schema(name):
    return load(SCHEMA / "messages" / f"{name}.schema.json")


JOB, EVENT = message_schema("job"), message_schema("event")
JOBS, EVENTS = validator(JOB), validator(EVENT)
JOB_TYPES = set(JOB["$defs"]["job"]["properties"]["type"]["enum"])
EVENT_TYPES = set(EVENT["$defs"]["type"]["enum"])


def problem(schema, value):
    """What is wrong with a value, in one line; None: nothing."""
    error = jsonschema.exceptions.best_match(schema.iter_errors(value))
    if error is None:
        return None
    return f"{error.json_path}: {error.message} in {json.dumps(value)}"


def references(node):
    """Every $ref below a node."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        node = node.values()
    elif not isinstance(node, list):
        return
    for inner in node:
        yield from references(inner)


def resolve(path, reference):
    """What a $ref in the file at `path` means; KeyError: nothing."""
    name, _, pointer = reference.partition("#")
    node = load(path.parent / name if name else path)
    for key in pointer.strip("/").split("/") if pointer else ():
        node = node[key]
    return node
