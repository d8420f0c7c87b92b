"""Checks exchanges with an API against its OpenAPI 3.0 description.

    check_recording("exchanges.jsonl")

Each line of a recording is one exchange: {"method", "path", "query",
"status", "request", "response"}, paths without the version prefix.
"""

import functools
import json
import os
import pathlib
import re

import jsonschema

DESCRIPTION = pathlib.Path(os.environ.get(
    "HCLOUD_OPENAPI", "/work/shared/hcloud-openapi.json"))

# Clients page and sort everywhere, also where it is not described.
ALWAYS_ALLOWED = {"page", "per_page", "sort"}


def to_json_schema(schema):
    """OpenAPI 3.0's dialect as plain JSON Schema."""
    if isinstance(schema, list):
        return [to_json_schema(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: to_json_schema(part) for key, part in schema.items()
            if key not in ("example", "examples", "nullable")}
    # Described as text, yet numbers are taken as well.
    text = str(schema.get("description", ""))
    if schema.get("type") == "string" and re.search(r"\bID or name\b", text):
        made["type"] = ["string", "integer"]
    if "SSH key IDs" in text:
        made["items"] = {"type": ["string", "integer"]}
    if schema.get("nullable") is True:
        return {"anyOf": [{"type": "null"}, made]}
    return made


@functools.cache
def description():
    return to_json_schema(json.loads(DESCRIPTION.read_text()))


@functools.cache
def templates():
    """[(pattern, template)], those with fewer variables first."""
    paths = sorted(description()["paths"], key=lambda path: path.count("{"))
    return [(re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path)), path)
            for path in paths]


@functools.cache
def template_of(path):
    for pattern, template in templates():
        if pattern.fullmatch(path):
            return template
    return None


def resolve(part):
    while part and "$ref" in part:
        found = description()
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def operation_of(method, path):
    template = template_of(path)
    paths = description()["paths"]
    return paths[template].get(method.lower()) if template else None


def validator(content):
    schema = resolve(content)["content"]["application/json"]["schema"]
    return jsonschema.Draft7Validator(
        schema, resolver=jsonschema.RefResolver("", description()),
        format_checker=jsonschema.FormatChecker())


@functools.cache
def response_validator(method, template, status):
    """None when an answer with that status has no body."""
    responses = description()["paths"][template][method.lower()]["responses"]
    response = responses.get(str(status), responses.get(f"{status // 100}xx"))
    if response is None:
        raise KeyError(status)
    return validator(response) if "content" in resolve(response) else None


@functools.cache
def request_validator(method, template):
    operation = description()["paths"][template][method.lower()]
    body = operation.get("requestBody")
    return validator(body) if body else None


def complaints(checker, body, what):
    return [f"{what}: {'.'.join(map(str, error.absolute_path))}: "
            f"{error.message[:300]}" for error in checker.iter_errors(body)]


def check_response(method, path, status, body):
    """What is wrong with an answer: a list of sentences."""
    if operation_of(method, path) is None:
        return [] if status >= 400 else ["answer to an unknown operation"]
    if status >= 400 and body is None:
        return []  # a gateway's own page
    try:
        checker = response_validator(method, template_of(path), status)
    except KeyError:
        return [f"status {status} is not described"]
    if checker:
        return complaints(checker, body, "answer")
    return [] if body is None else ["an answer without a body has one"]


def check_request(method, path, query, body):
    operation = operation_of(method, path)
    if operation is None:
        return []
    known = {resolve(parameter)["name"]
             for parameter in operation.get("parameters", [])}
    problems = [f"unknown query parameter {key}"
                for key in set(query or {}) - known - ALWAYS_ALLOWED]
    checker = request_validator(method, template_of(path))
    if checker:
        problems += complaints(checker, body, "request")
    return problems


def check_exchange(exchange, requests=True):
    """A request is only checked when it was accepted."""
    method, path = exchange["method"], exchange["path"]
    status = exchange["status"]
    if status == 0:
        return []  # dropped
    problems = check_response(method, path, status, exchange["response"])
    if requests and status < 400:
        problems += check_request(
            method, path, exchange.get("query"), exchange["request"])
    return [f"{method} {path} {status}: {problem}" for problem in problems]


def check_recording(path, requests=True):
    """Complains about a file of exchanges, one per line.

    `requests=False` checks the answers only: old clients leave out what is
    required by now.
    """
    problems = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            problems += check_exchange(json.loads(line), requests)
    if problems:
        raise AssertionError("\n".join(problems[:20]))
