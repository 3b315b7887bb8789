"""The least Kombu transport on pgmq: what the tests need of a broker, and no more."""

from queue import Empty

import psycopg
from kombu.transport import TRANSPORT_ALIASES, virtual
from psycopg.types.json import Jsonb

TRANSPORT_ALIASES["pgmq"] = "pgmq_transport:Transport"


class Channel(virtual.Channel):
    do_restore = False  # a message that is not acknowledged comes back by itself
    visibility_timeout = 30
    dsn = None
    from_transport_options = virtual.Channel.from_transport_options + ("dsn", "visibility_timeout")
    _connection = None

    def _row(self, statement, *parameters):
        if self._connection is None:
            self._connection = psycopg.connect(self.dsn, autocommit=True)
        return self._connection.execute(statement, parameters).fetchone()

    def _has_queue(self, queue, **kwargs):
        return self._row("select 1 from pgmq.meta where queue_name = %s", queue) is not None

    def _new_queue(self, queue, **kwargs):
        if not self._has_queue(queue):
            self._row("select pgmq.create(%s)", queue)

    def _put(self, queue, message, **kwargs):
        self._row("select pgmq.send(%s, %s::jsonb)", queue, Jsonb(message))

    def _get(self, queue, timeout=None):
        row = self._row("select msg_id, message from pgmq.read(%s, %s, 1)", queue, self.visibility_timeout)
        if row is None:
            raise Empty()
        message_id, message = row
        message["properties"]["delivery_info"]["pgmq_id"] = message_id
        return message

    def _size(self, queue):
        return self._row("select queue_length from pgmq.metrics(%s)", queue)[0]

    def _purge(self, queue):
        return self._row("select pgmq.purge_queue(%s)", queue)[0]

    def _forget(self, delivery_tag):
        info = self.qos.get(delivery_tag).delivery_info
        self._row("select pgmq.delete(%s, %s::bigint)", info["routing_key"], info["pgmq_id"])

    def basic_ack(self, delivery_tag, multiple=False):
        self._forget(delivery_tag)
        super().basic_ack(delivery_tag, multiple)

    def basic_reject(self, delivery_tag, requeue=False):
        if not requeue:
            self._forget(delivery_tag)
        super().basic_reject(delivery_tag, requeue=False)

    def close(self):
        super().close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Transport(virtual.Transport):
    Channel = Channel
    driver_type = driver_name = "pgmq"
    polling_interval = 0.05

    def driver_version(self):
        return psycopg.__version__
