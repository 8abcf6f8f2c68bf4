// Takes one figure of the official client that is installed in the working directory, and prints
// it: microseconds of CPU of this whole process per operation, or KiB of its heap per client.
//
// Environment: URL, MEASURE, CLIENTS, EMITTING, EMITS, BURST, EMITS_PER_SECOND.
"use strict";

const path = require("node:path");
const { createRequire } = require("node:module");

const { io } = createRequire(path.join(process.cwd(), "package.json"))("socket.io-client");

const number = (name) => Number(process.env[name]);
const clients = number("CLIENTS");

function fail(why) {
  console.error(`no figure: ${why}`);
  process.exit(1);
}

function connect(transports) {
  const socket = io(process.env.URL, { transports, forceNew: true });
  // Without its target the client would try again for ever.
  socket.on("connect_error", (error) => fail(error.message));
  socket.on("disconnect", (reason) => reason === "io client disconnect" || fail(reason));
  return new Promise((resolve) => socket.once("connect", () => resolve(socket)));
}

async function upgraded() {
  const socket = await connect(["polling", "websocket"]);
  const engine = socket.io.engine;
  if (engine.transport.name !== "websocket") {
    await new Promise((resolve) => engine.once("upgrade", resolve));
  }
  return socket;
}

const websocket = () => connect(["websocket"]);
const polling = () => connect(["polling"]);

const all = (count, one) => Promise.all(Array.from({ length: count }, one));

async function cpu(operations, work) {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / operations;
}

// The compiler has seen the code before it is measured, as in a long run.
async function connects(one) {
  for (const socket of await all(clients, one)) socket.disconnect();
  return cpu(clients, () => all(clients, one));
}

async function emits() {
  const [emitting, emits, burst] = [number("EMITTING"), number("EMITS"), number("BURST")];
  const sockets = await all(emitting, websocket);
  const apart = (1000 * burst) / number("EMITS_PER_SECOND");
  const emit = (socket, client, n) =>
    new Promise((ack) => socket.emit("echo", { client: `${client}`, n: `${n}` }, ack));
  const run = async () => {
    const origin = performance.now();
    await Promise.all(
      sockets.map(async (socket, client) => {
        for (let n = 0; n < emits; n += burst) {
          const due = origin + apart * (client + (emitting * n) / burst);
          const wait = due - performance.now();
          if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
          await all(burst, (_, place) => emit(socket, client, n + place));
        }
      }),
    );
  };
  await run();
  return cpu(emitting * emits, run);
}

function heap() {
  global.gc();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1024;
}

async function idles(one) {
  await one();
  const before = heap();
  const sockets = await all(clients, one);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const after = heap();
  return (after - before) / sockets.length;
}

const measures = {
  websocket_connect: () => connects(websocket),
  upgrade_connect: () => connects(upgraded),
  emit: emits,
  idle_websocket: () => idles(websocket),
  idle_polling: () => idles(polling),
};

measures[process.env.MEASURE]().then((figure) => {
  console.log(figure);
  process.exit(0);
});
