// A WebSocket server that is no Socket.IO server: `ws`, as socket.io brings it along.
//
// Environment: PORT (on 127.0.0.1), GREETING (text sent to every client; nothing without it).
// Ends when standard input does.
"use strict";

const path = require("node:path");
const { createRequire } = require("node:module");

const { WebSocketServer } = createRequire(path.join(process.cwd(), "package.json"))("ws");

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.env.PORT) });
server.on("connection", (socket) => {
  if (process.env.GREETING) socket.send(process.env.GREETING);
});

process.stdin.resume().on("end", () => process.exit(0));
