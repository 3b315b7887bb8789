"""Sends the calls that it is given, a line of JSON each: the name of the task, and what `apply_async` takes."""

import json
import sys

from celery import chain, signature
from tasks import app

for line in sys.stdin:
    call = json.loads(line)
    task = call.pop("task")
    following = call.pop("next", None)
    if following:
        first = signature(task, app=app, **call)
        result = chain(first, signature(following.pop("task"), app=app, immutable=True, **following)).apply_async()
    else:
        result = app.send_task(task, **call)
    print(result.id)
