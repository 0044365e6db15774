"""What the OpenAPI document cannot say, for schemathesis."""

import re

import schemathesis


@schemathesis.hook
def filter_query(context, query):
    """A page token is opaque: only one that the server gave, for the same filters, is valid."""
    return "page_token" not in (query or {})


@schemathesis.hook
def filter_body(context, body):
    """A time has to be in the future, and the total of an order's lines has a maximum."""
    if not isinstance(body, dict):
        return True
    lines = body["lines"] if isinstance(body.get("lines"), list) else []
    number = lambda value: value if isinstance(value, (int, float)) else 0
    total = sum(number(line.get("quantity")) * number(line.get("unit_price_minor")) for line in lines if isinstance(line, dict))
    return not body.get("expires_at") and total < 2**53


@schemathesis.hook
def filter_case(context, case):
    """A header that is left out is sent without a value."""
    return all(value.strip() for value in (case.headers or {}).values() if isinstance(value, str))


@schemathesis.hook
def map_body(context, body):
    """For JSON Schema 1.0 is a whole number, for the API it is none. Three capitals are not always a currency of ISO 4217."""
    if isinstance(body, dict):
        return {
            name: "EUR" if name == "currency" and re.fullmatch("[A-Z]{3}", str(value)) else map_body(context, value)
            for name, value in body.items()
        }
    if isinstance(body, list):
        return [map_body(context, value) for value in body]
    return int(body) if isinstance(body, float) and body.is_integer() else body
