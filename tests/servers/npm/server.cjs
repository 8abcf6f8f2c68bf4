// A Socket.IO server for the tests, on whichever release is installed in the working directory.
//
// Environment:
//   PORT             where to listen, on 127.0.0.1
//   LOG              file that gets one JSON object per line and happening; none without it
//   OPTIONS          JSON: the options of the release's Server, and those of this program:
//     namespaces     the namespaces that there are; every one is accepted without it
//     auth           true: CONNECT with the token "bad" (auth, or query in release 2) is rejected
//     refuse         true: allowRequest refuses every engine ("Forbidden")
//     silent         true: a middleware never lets anybody in nor turns anybody away
//     refusing       namespaces whose middleware turns everybody away
//     quiet          namespaces whose middleware lets nobody in nor turns anybody away
//     asks           an event that every socket gets again and again, with a request for an ack
//     failing        true: a middleware of the engine fails ("Bad request")
//     kickAll        "namespace", "engine" or "garbage": ends what it has just connected, by
//                    DISCONNECT, by closing the engine, or by a packet that clients cannot read
//     deaf           true: its parser cannot read what the default one writes
//     oddIds         true: ids of engines hold characters that a query cannot
//     block          {after, for}: once an engine is so old, the event loop stands still once (ms)
//     closeAfter     every engine is closed after so long (ms)
//     logArguments   true: `event` lines carry the arguments
//     logRequests    true: one `request` line per HTTP request and WebSocket handshake
//     tls            { cert, key }: PEM; the server speaks HTTPS
//   EXIT_WITH_STDIN  set: end when standard input does
//
// Lines: `at_us` (wall clock) and `what`:
//   listening, open, close, upgrade, connection_error, cut   the engine's
//   connect, disconnect, event, ack, answered                a namespace's
//
// Events: echo, broadcast, kick, kick_engine, garbage, big_reply, push, surrogates, later, never, forget
// (acked only if it comes again); any other is acked with its arguments. SIGUSR2 resets the connection of every session on WebSocket.
"use strict";

const fs = require("node:fs");
const http = require("node:http");
const https = require("node:https");
const path = require("node:path");
const { createRequire } = require("node:module");

const installed = createRequire(path.join(process.cwd(), "package.json"));
const library = installed("socket.io");
const Server = library.Server ?? library;

const {
  namespaces,
  auth,
  refuse,
  silent,
  refusing,
  quiet,
  asks,
  failing,
  kickAll,
  deaf,
  oddIds,
  block,
  closeAfter,
  logArguments,
  logRequests,
  tls,
  ...options
} = JSON.parse(process.env.OPTIONS || "{}");

const log = process.env.LOG ? fs.openSync(process.env.LOG, "a") : undefined;

// Synchronous, so that a SIGKILL loses no line that a client could have noticed.
function write(what, fields) {
  if (log === undefined) return;
  const at_us = Math.round((performance.timeOrigin + performance.now()) * 1000);
  fs.writeSync(log, JSON.stringify({ at_us, what, ...fields }) + "\n");
}

// Handshakes that only ask whether the server is there are nobody's clients.
function isCheck(request) {
  return (request?.headers["user-agent"] ?? "").includes("readiness");
}

if (refuse) {
  options.allowRequest = (_request, callback) => callback(null, false);
}

if (deaf) {
  const parser = installed("socket.io-parser");
  class Decoder extends parser.Decoder {
    add() {
      throw new Error("garbage");
    }
  }
  options.parser = { ...parser, Decoder };
}

const server = tls ? https.createServer(tls) : http.createServer();
const io = new Server(server, options);

if (logRequests) {
  const line = (request) =>
    isCheck(request) ||
    write("request", {
      method: request.method,
      url: request.url,
      headers: request.headers,
      port: request.socket.remotePort,
    });
  server.prependListener("request", line);
  server.prependListener("upgrade", line);
}

io.engine?.on("connection_error", ({ req, code, message, context }) => {
  if (isCheck(req)) return;
  // What the context holds besides may be a request, which is no JSON.
  const detail = Object.fromEntries(
    Object.entries(context ?? {}).filter(([, value]) => typeof value !== "object"),
  );
  write("connection_error", { code, message, context: detail });
});

const engines = new Map();

(io.engine ?? io.eio).on("connection", (engine) => {
  if (isCheck(engine.request)) return;
  const sid = engine.id;
  const query = engine.request._query;
  engines.set(sid, engine);
  write("open", { sid, transport: engine.transport.name, eio: Number(query.EIO), query });
  engine.on("upgrade", (transport) => write("upgrade", { sid, transport: transport.name }));
  if (block) {
    const timer = setTimeout(standStill, block.after);
    engine.on("close", () => clearTimeout(timer));
  }
  if (closeAfter) setTimeout(() => engine.close(), closeAfter);
  engine.on("close", (reason) => {
    engines.delete(sid);
    write("close", { sid, reason });
  });
});

// What a load balancer that dies does to its clients, one by one and at a known time.
process.on("SIGUSR2", () => {
  for (const [sid, engine] of engines) {
    if (engine.transport.name !== "websocket") continue;
    write("cut", { sid, query: engine.request._query });
    engine.transport.socket._socket.resetAndDestroy();
  }
});

let stoodStill = false;

function standStill() {
  if (stoodStill) return;
  stoodStill = true;
  const until = performance.now() + block.for;
  while (performance.now() < until);
}

if (failing) {
  io.engine.use((_request, _response, next) => next(new Error("failing")));
}

if (oddIds) {
  let engines = 0;
  io.engine.generateId = () => `id ${++engines}&sid=é/+%25#`;
}

function onConnect(socket) {
  if (isCheck(socket.request)) return;
  const where = { nsp: socket.nsp.name, sid: socket.id };
  write("connect", {
    ...where,
    transport: socket.conn.transport.name,
    eio: socket.conn.protocol ?? Number(socket.handshake.query.EIO),
    recovered: socket.recovered,
    address: socket.handshake.address,
    auth: socket.handshake.auth,
    query: socket.handshake.query,
  });
  if (kickAll === "garbage") socket.conn.write("1{}");
  else if (kickAll) socket.disconnect(kickAll === "engine");
  socket.on("disconnect", (reason, detail) => {
    // What release 4 knows beyond the reason: an error, or a description of one.
    const { message, description } = detail ?? {};
    write("disconnect", { ...where, reason, detail: String(description ?? message ?? "") });
  });
  if (asks) {
    const timer = setInterval(() => {
      socket.emit(asks, { id: 1 }, (...args) => write("answered", { ...where, event: asks, args }));
    }, 100);
    socket.on("disconnect", () => clearInterval(timer));
  }
  // Middleware sees every event on all three releases.
  socket.use((packet, _next) => answer(socket, where, packet));
}

const forgotten = new Set();

function answer(socket, where, [event, ...args]) {
  const callback = typeof args.at(-1) === "function" ? args.pop() : undefined;
  write("event", {
    ...where,
    event,
    transport: socket.conn.transport.name,
    ack: callback !== undefined,
    args: logArguments ? args : undefined,
  });
  const ack = (...reply) => {
    if (callback === undefined) return;
    callback(...reply);
    write("ack", { ...where, event });
  };
  switch (event) {
    case "echo":
      return callback ? ack(...args) : socket.emit("echo", ...args);
    case "broadcast":
      socket.nsp.emit("broadcast", ...args);
      return ack();
    case "kick":
      return socket.disconnect();
    case "kick_engine":
      return socket.disconnect(true);
    case "garbage":
      // A message of the engine that is no packet of Socket.IO.
      return socket.client.conn.send("garbage");
    case "big_reply": {
      const text = "x".repeat(args[0]);
      return callback ? ack(text) : socket.emit("big_reply", text);
    }
    case "push":
      for (let n = 0; n < args[0]; n++) socket.emit("push", n);
      return ack();
    case "surrogates":
      // Halves of a pair, which JSON.stringify writes as escapes.
      socket.emit("surrogates", "\ud83d", { "\udc00": "a\udc00b" });
      return ack("\ud83d\ud83d");
    case "later":
      return setTimeout(() => ack(...args), args[0]);
    case "never":
      return undefined;
    case "forget": {
      const said = JSON.stringify(args);
      if (forgotten.has(said)) return ack();
      forgotten.add(said);
      return undefined;
    }
    default:
      return ack(...args);
  }
}

function authenticate(socket, next) {
  const token = socket.handshake.auth?.token ?? socket.handshake.query.token;
  if (token !== "bad") return next();
  const error = new Error("bad token");
  error.data = { token };
  return next(error);
}

for (const name of refusing ?? []) {
  io.of(name).use((socket, next) => {
    const token = socket.handshake.auth?.token;
    next(new Error(`admins only${token ? `, not ${token}` : ""}`));
  });
}
for (const name of quiet ?? []) io.of(name).use(() => {});

const accepted = namespaces ?? ["/", /^\/.+$/];
for (const namespace of accepted.map((name) => io.of(name))) {
  if (silent) namespace.use(() => {});
  if (auth) namespace.use(authenticate);
  namespace.on("connection", onConnect);
}

server.listen(Number(process.env.PORT), "127.0.0.1", () => {
  write("listening", { port: server.address().port, pid: process.pid });
});

process.on("SIGTERM", () => {
  io.close(() => process.exit(0));
  // Connections that are kept alive would hold the process.
  setTimeout(() => process.exit(0), 1000);
});

if (process.env.EXIT_WITH_STDIN) {
  process.stdin.resume().on("end", () => process.exit(0));
}
