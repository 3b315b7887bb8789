"""A Celery app as it was before: its tasks note in a table that they ran."""

import functools
import json
import os

import psycopg
import pgmq_transport  # noqa: F401 -- makes pgmq:// known to Kombu
from celery import Celery

DATABASE_URL = os.environ["DATABASE_URL"]

app = Celery("app", broker="pgmq://")
app.conf.update(
    broker_transport_options={"dsn": DATABASE_URL, "visibility_timeout": 30},
    task_default_queue=os.environ.get("KOMBU_QUEUE", "celery"),
    worker_enable_remote_control=False,
    worker_prefetch_multiplier=1,
)


@functools.cache
def connection():
    return psycopg.connect(DATABASE_URL, autocommit=True)


def note(task, *args, **kwargs):
    connection().execute(
        "insert into ran (task, args, kwargs) values (%s, %s::jsonb, %s::jsonb)",
        (task, json.dumps(args), json.dumps(kwargs)),
    )


@app.task(name="app.tasks.send_welcome_email")
def send_welcome_email(email, username):
    note("send_welcome_email", email, username)


@app.task(name="app.tasks.build_report")
def build_report(account_id, since=None):
    note("build_report", account_id, since=since)


@app.task(name="app.tasks.resize_image")
def resize_image(image_id, width=None):
    note("resize_image", image_id, width=width)
