"""The written contract: the schemas of jobs and events, and the AsyncAPI
description, with what a test needs to hold them against messages."""

import copy
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


def every(node, key):
    """All that stands below a key, anywhere in a document."""
    if isinstance(node, dict):
        if key in node:
            yield node[key]
        node = node.values()
    elif not isinstance(node, list):
        return
    for inner in node:
        yield from every(inner, key)


def validator(schema):
    return jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.draft202012_format_checker)


def message_schema(name):
    return load(SCHEMA / "messages" / f"{name}.schema.json")


def closed(schema):
    """The schema of events, which is open for what is to come, as it is meant
    today: no other keys, types and words. Tests hold messages against this."""
    schema = copy.deepcopy(schema)
    schema["oneOf"].remove({"$ref": "#/$defs/later"})
    told = {entry["$ref"].removeprefix("#/$defs/")
            for entry in schema["oneOf"]}
    extended = {entry["$ref"].removeprefix("#/$defs/")
                for entry in every(schema, "allOf") for entry in entry}
    for name, definition in schema["$defs"].items():
        if name in told:
            definition["unevaluatedProperties"] = False
            definition["properties"]["data"]["unevaluatedProperties"] = False
        elif (definition.get("type") == "object"
              and name not in extended - {"receipt"}):
            definition["additionalProperties"] = False
        if "anyOf" in definition:
            definition["anyOf"] = definition["anyOf"][:1]
    return schema


JOB, EVENT = message_schema("job"), message_schema("event")
JOBS = validator(JOB)
EVENTS, OPEN_EVENTS = validator(closed(EVENT)), validator(EVENT)
JOB_TYPES = set(JOB["$defs"]["job"]["properties"]["type"]["enum"])
EVENT_TYPES = set(EVENT["$defs"]["type"]["enum"])


def data_schema(type):
    """The address of what describes the data of events of a type."""
    name = type.removeprefix("cloud.mengi.byoc.")
    return f"{EVENT['$id']}#/$defs/{name}/properties/data"


def problem(schema, value):
    """What is wrong with a value, in one line; None: nothing."""
    error = jsonschema.exceptions.best_match(schema.iter_errors(value))
    if error is None:
        return None
    return f"{error.json_path}: {error.message} in {json.dumps(value)}"


def references(node):
    """Every $ref below a node."""
    return (found for found in every(node, "$ref") if isinstance(found, str))


def resolve(path, reference):
    """What a $ref in the file at `path` means; KeyError: nothing."""
    name, _, pointer = reference.partition("#")
    node = load(path.parent / name if name else path)
    for key in pointer.strip("/").split("/") if pointer else ():
        node = node[key]
    return node


def dereferenced(path, node):
    """A node as AsyncAPI tools read it: what stands beside a $ref is lost."""
    if isinstance(node, dict) and isinstance(node.get("$ref"), str):
        reference = node["$ref"]
        name = reference.partition("#")[0]
        return dereferenced(path.parent / name if name else path,
                            resolve(path, reference))
    if isinstance(node, dict):
        return {key: dereferenced(path, inner) for key, inner in node.items()}
    if isinstance(node, list):
        return [dereferenced(path, inner) for inner in node]
    return node
