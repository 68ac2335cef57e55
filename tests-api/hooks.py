"""What a client does and a generator cannot know: it draws a new idempotency key for each request."""

import itertools

import schemathesis

numbers = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    key = (case.headers or {}).get("Idempotency-Key")
    # Keys that are to be refused stay as they are.
    if isinstance(key, str) and 1 <= len(key) <= 255 and all("!" <= letter <= "~" for letter in key):
        case.headers["Idempotency-Key"] = f"{next(numbers):06}{key}"[:255]
