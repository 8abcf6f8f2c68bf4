// The official client of whichever release is installed in the working directory, by script.
//
// Environment:
//   URL      of the server, without a namespace
//   OPTIONS  JSON: the client's options
//   SCRIPT   JSON: { "namespaces": ["/"], "steps": [ … ] }
//
// Steps, one after the other; `nsp` is the first namespace unless said otherwise:
//   { "wait": WHAT }             until a line with this `what` is there that no `wait` has had yet
//   { "emit": [EVENT, …], "ack": true, "timeout": MS, "volatile": true }
//                                an argument {"$bytes": N} is a buffer of N times 0x61,
//                                {"$sequence": N} one of the bytes 0, 1, 2, …
//   { "sleep": MS }
//   { "hold": true }             until there is one more line on standard input, or it ends, and
//                                answers that have come by then are dealt with
//   { "disconnect": true } | { "connect": true } | { "close_engine": true }
//
// Prints one JSON object per line: `at_us`, `what`, and what belongs to it. Ends after the last
// step, with whatever connections there still are.
"use strict";

const path = require("node:path");
const { createRequire } = require("node:module");

const library = createRequire(path.join(process.cwd(), "package.json"))("socket.io-client");
const Manager = library.Manager;

const { namespaces = ["/"], steps } = JSON.parse(process.env.SCRIPT);
const options = JSON.parse(process.env.OPTIONS || "{}");

const waiters = [];
const unseen = [];

function note(what, fields) {
  const at_us = Math.round((performance.timeOrigin + performance.now()) * 1000);
  require("node:fs").writeSync(1, JSON.stringify({ at_us, what, ...fields }) + "\n");
  const waiter = waiters.findIndex((waiter) => waiter.what === what);
  if (waiter >= 0) waiters.splice(waiter, 1)[0].resolve();
  else unseen.push(what);
}

function wait(what) {
  const index = unseen.indexOf(what);
  if (index >= 0) {
    unseen.splice(index, 1);
    return Promise.resolve();
  }
  return new Promise((resolve) => waiters.push({ what, resolve }));
}

let lines;

async function heard() {
  lines ??= require("node:readline").createInterface(process.stdin)[Symbol.asyncIterator]();
  await lines.next();
  await new Promise((done) => setTimeout(done, 100));
}

function describe(error) {
  if (typeof error !== "object" || error === null) return { message: error };
  const { message, description, type, data } = error;
  const plain = typeof description === "object" ? description?.message : description;
  return { message, description: plain, type, data };
}

const manager = new Manager(process.env.URL, { ...options, autoConnect: false });

const sockets = namespaces.map((nsp) => {
  // As io(url, options) hands them on: auth, retries, and the query that release 2 repeats.
  const socket = manager.socket(nsp, options);
  socket.on("connect", () => note("connect", { nsp, sid: socket.id, recovered: socket.recovered }));
  socket.on("connect_error", (error) => note("connect_error", { nsp, ...describe(error) }));
  socket.on("disconnect", (reason) => note("disconnect", { nsp, reason }));
  // Release 2 has no onAny; its `error` is what connect_error is for a namespace since.
  const reserved = ["connect", "connect_error", "disconnect", "disconnecting", "connecting"];
  if (socket.onAny) {
    socket.onAny((event, ...args) => note("event", { nsp, event, args }));
  } else {
    socket.on("error", (error) => note("connect_error", { nsp, ...describe(error) }));
    const onevent = socket.onevent;
    socket.onevent = function (packet) {
      const [event, ...args] = packet.data;
      if (!reserved.includes(event)) note("event", { nsp, event, args });
      onevent.call(this, packet);
    };
  }
  return socket;
});

for (const name of ["reconnect", "reconnect_attempt", "reconnect_error", "reconnect_failed"]) {
  manager.on(name, (detail) => {
    const error = name === "reconnect_error" ? describe(detail) : undefined;
    note(name, { ...error, attempt: typeof detail === "number" ? detail : undefined });
  });
}
manager.on("open", () => {
  const engine = manager.engine;
  note("open", { sid: engine.id, transport: engine.transport.name });
  engine.on("upgrade", (transport) => note("upgrade", { transport: transport.name }));
  engine.on("upgradeError", (error) => note("upgrade_error", describe(error)));
});

function withBytes(argument) {
  if (argument?.$bytes !== undefined) return Buffer.alloc(argument.$bytes, "a");
  if (argument?.$sequence === undefined) return argument;
  return Buffer.from(Array.from({ length: argument.$sequence }, (_, index) => index));
}

function emit(socket, { emit: [event, ...args], ack, timeout, volatile }, nsp) {
  const values = args.map(withBytes);
  if (!ack) return void (volatile ? socket.volatile : socket).emit(event, ...values);
  if (timeout === undefined) {
    return void socket.emit(event, ...values, (...reply) => note("ack", { nsp, event, reply }));
  }
  return void socket.timeout(timeout).emit(event, ...values, (error, ...reply) => {
    if (error) note("ack_error", { nsp, event, message: error.message });
    else note("ack", { nsp, event, reply });
  });
}

async function take(step) {
  const index = Math.max(0, namespaces.indexOf(step.nsp));
  const socket = sockets[index];
  if (step.wait !== undefined) await wait(step.wait);
  else if (step.emit !== undefined) emit(socket, step, namespaces[index]);
  else if (step.hold) await heard();
  else if (step.sleep !== undefined) await new Promise((done) => setTimeout(done, step.sleep));
  else if (step.disconnect) socket.disconnect();
  else if (step.connect) socket.connect();
  else if (step.close_engine) manager.engine.close();
}

(async () => {
  for (const socket of sockets) socket.connect();
  for (const step of steps) await take(step);
  process.exit(0);
})();
