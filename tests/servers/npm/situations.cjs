// What people meet around Socket.IO servers, one situation for each SITUATION.
//
// Environment: PORT (on 127.0.0.1), SITUATION, OPTIONS (JSON, of the Socket.IO server), AFTER (ms),
// TO (the port of the server behind a proxy), PASS (frames), STATUS and BODY (of another service).
// Ends when standard input does.
"use strict";

const http = require("node:http");
const net = require("node:net");
const path = require("node:path");
const { createRequire } = require("node:module");

const load = createRequire(path.join(process.cwd(), "package.json"));
const { Server } = load("socket.io");
const { env } = process;
const options = JSON.parse(env.OPTIONS ?? "{}");
const listen = (server) => server.listen(Number(env.PORT), "127.0.0.1");
const after = Number(env.AFTER ?? 0);

function socketIo(onConnection = () => {}) {
  const server = http.createServer();
  const io = new Server(server, options);
  io.on("connection", onConnection);
  listen(server);
  return { io, server };
}

// A TCP proxy; each direction may be delayed or filtered.
function proxy(pass) {
  listen(net.createServer((client) => {
    const server = net.connect(Number(env.TO), "127.0.0.1");
    const end = () => { client.destroy(); server.destroy(); };
    for (const socket of [client, server]) {
      socket.setNoDelay();
      socket.on("error", end);
    }
    pass(client, server, end);
  }));
}

const situations = {
  kick: () => socketIo((socket) => setTimeout(() => socket.disconnect(), after)),
  kick_all: () => socketIo((socket) => setTimeout(() => socket.disconnect(true), after)),
  one_per_login: () => {
    const known = new Map();
    socketIo((socket) => {
      const { token } = socket.handshake.auth;
      known.get(token)?.disconnect(true);
      known.set(token, socket);
    });
  },
  slow_middleware: () => {
    const { io } = socketIo();
    io.use((_, next) => setTimeout(next, after));
  },
  second_listener: () => {
    const { server } = socketIo();
    new (load("ws").WebSocketServer)({ server, path: "/graphql" });
  },
  redirect: () => {
    const server = http.createServer();
    new Server(server, { ...options, path: "/api/socket.io", addTrailingSlash: false });
    const answer = server.listeners("request")[0];
    server.removeAllListeners("request");
    server.on("request", (request, response) => {
      const [where, query] = request.url.split("?");
      if (!where.endsWith("/")) return answer.call(server, request, response);
      response.writeHead(308, { location: `${where.slice(0, -1)}?${query}` });
      response.end();
    });
    listen(server);
  },
  latency: () => proxy((client, server, end) => {
    for (const [from, to] of [[client, server], [server, client]]) {
      from.on("data", (data) => setTimeout(() => to.writable && to.write(data), after));
      from.on("close", () => setTimeout(end, after));
    }
  }),
  frames_held: () => proxy((client, server, end) => {
    let isWebSocket = false;
    let head = Buffer.alloc(0);
    let left = Number(env.PASS);
    client.on("data", (data) => {
      isWebSocket ||= /upgrade: websocket/i.test(data.toString("latin1"));
      server.write(data);
    });
    server.on("data", (data) => {
      if (!isWebSocket) return client.write(data);
      head = Buffer.concat([head, data]);
      const end = head.indexOf("\r\n\r\n");
      if (end >= 0 && !server.isUpgraded) {
        server.isUpgraded = true;
        client.write(head.subarray(0, end + 4));
        head = head.subarray(end + 4);
      }
      while (server.isUpgraded && left > 0 && head.length >= 2) {
        const short = head[1] & 127;
        const length = short < 126 ? 2 + short : 4 + head.readUInt16BE(2);
        client.write(head.subarray(0, length));
        head = head.subarray(length);
        left -= 1;
      }
    });
    client.on("close", end);
    server.on("close", end);
  }),
  closed_at_once: () => listen(net.createServer((socket) => {
    socket.on("error", () => {});
    socket.end();
  })),
  another_service: () => listen(http.createServer((_, response) => {
    response.writeHead(Number(env.STATUS), { "content-type": "application/json" });
    response.end(env.BODY);
  })),
  http2: () => {
    const server = require("node:http2").createServer();
    new Server(server, options);
    listen(server);
  },
};

situations[env.SITUATION]();
process.stdin.resume().on("end", () => process.exit(0));
