"""What schemathesis can't know from the document."""

import itertools
import os

import schemathesis

NUMBERS = itertools.count()


@schemathesis.serializer("application/x-ndjson")
def json_lines(context, value):
    """A body of JSON lines is sent as it was made."""
    return value if isinstance(value, bytes) else str(value).encode()


@schemathesis.hook
def before_load_schema(context, schema):
    """Says of the stream of events what OpenAPI 3.1 has no word for: what each event is."""
    operation = schema["paths"]["/api/v1/jobs/{job}/events"]["get"]
    operation["responses"]["200"]["content"]["text/event-stream"] = {
        "itemSchema": {
            "type": "object",
            "required": ["id", "event", "data"],
            "properties": {
                "event": {"enum": ["state", "progress", "log"]},
                "data": {
                    "contentMediaType": "application/json",
                    "contentSchema": {"$ref": "#/components/schemas/JobEvent"},
                },
            },
        }
    }


@schemathesis.hook.apply_to(method="DELETE", path="/api/v1/keys/{key}")
def filter_case(context, case):
    """The key in use stays valid."""
    return case.path_parameters.get("key") != os.environ["FUZZ_KEY_ID"]


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes of a valid request one that the server has no reason to refuse."""
    if not case.meta.generation.mode.is_positive:
        return
    case.body = whole(case.body)
    key = (case.headers or {}).get("Idempotency-Key")
    if key is not None:
        # It is good for one request: a number at its end makes it new.
        number = f"-{next(NUMBERS)}"
        case.headers["Idempotency-Key"] = key[: 255 - len(number)] + number


def whole(value):
    """To JSON Schema 76.0 is an integer; the server wants 76."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [whole(item) for item in value]
    if isinstance(value, dict):
        return {name: whole(item) for name, item in value.items()}
    return value
