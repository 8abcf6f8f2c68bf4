"""A python-socketio server on aiohttp for the tests.

Environment, events and log lines are those of ../npm/server.cjs, as far as the library has them:
OPTIONS holds the options of socketio.AsyncServer in its own words, and `namespaces`, `auth`,
`refuse`, `logArguments` and `logRequests` as there. Disconnect reasons are translated into npm's
words. `upgrade`, `connection_error`, `cut` and `big_reply` without an ack are not logged or not
there.
"""

import asyncio
import json
import os
import signal
import sys
import threading
import time

import socketio
from aiohttp import web

OPTIONS = json.loads(os.environ.get("OPTIONS") or "{}")
AUTH = OPTIONS.pop("auth", False)
REFUSE = OPTIONS.pop("refuse", False)
LOG_ARGUMENTS = OPTIONS.pop("logArguments", False)
LOG_REQUESTS = OPTIONS.pop("logRequests", False)
OPTIONS.setdefault("namespaces", "*")

LOG = None
if os.environ.get("LOG"):
    LOG = os.open(os.environ["LOG"], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o644)

REASONS = {
    "client disconnect": "client namespace disconnect",
    "server disconnect": "server namespace disconnect",
}


def as_npm_writes_it(value):
    """A buffer, and the name of whatever else is no JSON."""
    if isinstance(value, bytes):
        return {"type": "Buffer", "data": list(value)}
    return repr(value)


def write(what, **fields):
    """One line by one call, so that a SIGKILL loses none that a client could have noticed."""
    if LOG is not None:
        line = {"at_us": time.time_ns() // 1000, "what": what, **fields}
        os.write(LOG, (json.dumps(line, default=as_npm_writes_it) + "\n").encode())


def is_check(environ):
    """Handshakes that only ask whether the server is there are nobody's clients."""
    return "readiness" in environ.get("HTTP_USER_AGENT", "")


def transport(environ):
    return "websocket" if "transport=websocket" in environ["QUERY_STRING"] else "polling"


class Server(socketio.AsyncServer):
    async def _handle_eio_connect(self, eio_sid, environ):
        if REFUSE:
            return False
        environ["engineio.sid"] = eio_sid
        if not is_check(environ):
            write("open", sid=eio_sid, transport=transport(environ), eio=4)
        return await super()._handle_eio_connect(eio_sid, environ)

    async def _handle_eio_disconnect(self, eio_sid, reason):
        if not is_check(self.environ.get(eio_sid, {})):
            write("close", sid=eio_sid, reason=reason)
        # An engine that says goodbye is no namespace that does.
        reason = "transport close" if reason == "client disconnect" else reason
        await super()._handle_eio_disconnect(eio_sid, reason)

    async def _handle_event_internal(self, server, sid, eio_sid, data, namespace, id):
        where = {"nsp": namespace, "sid": sid, "event": data[0]}
        arguments = {"args": data[1:]} if LOG_ARGUMENTS else {}
        transport = self.eio.transport(eio_sid)
        write("event", **where, transport=transport, ack=id is not None, **arguments)
        data = [data[0], id is not None, *data[1:]]
        await super()._handle_event_internal(server, sid, eio_sid, data, namespace, id)
        if id is not None and data[0] not in ("kick", "never"):
            write("ack", **where)


sio = Server(async_mode="aiohttp", **OPTIONS)


@sio.on("connect", namespace="*")
async def connect(namespace, sid, environ, auth):
    if is_check(environ):
        return
    if AUTH and (auth or {}).get("token") == "bad":
        raise socketio.exceptions.ConnectionRefusedError("bad token")
    write(
        "connect",
        nsp=namespace,
        sid=sid,
        transport=sio.eio.transport(environ["engineio.sid"]),
        eio=4,
        auth=auth,
    )


@sio.on("disconnect", namespace="*")
async def disconnect(namespace, sid, reason):
    write("disconnect", nsp=namespace, sid=sid, reason=REASONS.get(reason, reason))


@sio.on("*", namespace="*")
async def answer(event, namespace, sid, ack, *args):
    if event == "echo" and not ack:
        await sio.emit("echo", args, to=sid, namespace=namespace)
    elif event == "broadcast":
        await sio.emit("broadcast", args, namespace=namespace)
        return ()
    elif event == "kick":
        await sio.disconnect(sid, namespace=namespace)
        return sio.not_handled
    elif event == "big_reply":
        return "x" * args[0]
    elif event == "push":
        for n in range(args[0]):
            await sio.emit("push", n, to=sid, namespace=namespace)
        return ()
    elif event == "surrogates":
        # Halves of a pair, which json.dumps writes as escapes.
        await sio.emit(event, ("\ud83d", {"\udc00": "a\udc00b"}), to=sid, namespace=namespace)
        return "\ud83d\ud83d"
    elif event == "later":
        await asyncio.sleep(args[0] / 1000)
    elif event == "never":
        return sio.not_handled
    return args


@web.middleware
async def log_request(request, handler):
    if LOG_REQUESTS and not is_check({"HTTP_USER_AGENT": request.headers.get("User-Agent", "")}):
        headers = {name.lower(): value for name, value in request.headers.items()}
        port = request.transport.get_extra_info("peername")[1]
        write("request", method=request.method, url=request.path_qs, headers=headers, port=port)
    return await handler(request)


async def main():
    app = web.Application(middlewares=[log_request])
    sio.attach(app)
    runner = web.AppRunner(app)
    await runner.setup()
    port = int(os.environ["PORT"])
    await web.TCPSite(runner, "127.0.0.1", port, reuse_address=True, backlog=1024).start()
    write("listening", port=port, pid=os.getpid())
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    os._exit(0)


def exit_with_stdin():
    sys.stdin.buffer.read()
    os._exit(0)


if os.environ.get("EXIT_WITH_STDIN"):
    threading.Thread(target=exit_with_stdin, daemon=True).start()
asyncio.run(main())
