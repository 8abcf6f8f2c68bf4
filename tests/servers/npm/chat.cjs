// A chat: login over HTTP with a short-lived token, rooms, history. Run in a folder with npm
// socket.io 4. PORT is where it listens; TTL_MS how long a token lives (default 60000); LOG a file
// to which each login, refresh, join, sync and message adds a line, across restarts; RECOVERY=1
// switches connection state recovery on; OPEN=1 lets everybody in; PARSER=msgpack needs npm socket.io-msgpack-parser.
"use strict";
const crypto = require("node:crypto");
const fs = require("node:fs");
const http = require("node:http");
const { createRequire } = require("node:module");

const { Server } = createRequire(`${process.cwd()}/`)("socket.io");

const PORT = Number(process.env.PORT);
const TTL_MS = Number(process.env.TTL_MS || 60000);
// The same over restarts: tokens outlive the process that signed them.
const SECRET = "chat-of-the-tests";
const log = process.env.LOG ? fs.openSync(process.env.LOG, "a") : null;
const note = (what) => log !== null && fs.writeSync(log, `${what}\n`);

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
const signature = (text) => crypto.createHmac("sha256", SECRET).update(text).digest("base64url");

function sign(user) {
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: user, exp: Date.now() + TTL_MS })}`;
  return `${text}.${signature(text)}`;
}

/** The user of a token, expired or not; null if it is forged. */
function read(token) {
  const [head, body, signed] = String(token).split(".");
  if (!body || signature(`${head}.${body}`) !== signed) return null;
  return JSON.parse(Buffer.from(body, "base64url"));
}

const server = http.createServer((request, response) => {
  const answer = (status, body, headers = {}) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(JSON.stringify(body));
  };
  let text = "";
  request.on("data", (data) => (text += data));
  request.on("end", () => {
    if (request.method === "POST" && request.url === "/login") {
      const { user, password } = JSON.parse(text || "{}");
      if (password !== "secret") return answer(401, { error: "wrong password" });
      note("login");
      return answer(200, { token: sign(user) }, { "x-csrf-token": crypto.randomUUID(), "set-cookie": `session=${user}; Path=/; HttpOnly` });
    }
    if (request.method === "POST" && request.url === "/refresh") {
      const claims = read((request.headers.authorization || "").replace("Bearer ", ""));
      if (!claims) return answer(401, { error: "forged token" });
      note("refresh");
      return answer(200, { token: sign(claims.sub) });
    }
    answer(404, { error: "not found" });
  });
});

const parser = process.env.PARSER === "msgpack" ? createRequire(`${process.cwd()}/`)("socket.io-msgpack-parser") : undefined;
const io = new Server(server, {
  ...(parser ? { parser } : {}),
  ...(process.env.RECOVERY ? { connectionStateRecovery: {} } : {}),
});

io.use((socket, next) => {
  if (process.env.OPEN) return next();
  const claims = read(socket.handshake.auth.token);
  if (!claims) return next(new Error("no valid token"));
  if (claims.exp < Date.now()) return next(new Error("token expired"));
  socket.data.user = claims.sub;
  next();
});

const history = new Map();
let messages = 0;

io.on("connection", (socket) => {
  note("connect");
  socket.on("client to server event", () => socket.emit("server to client event"));
  socket.on("join", (room, ack) => {
    note("join");
    socket.join(room);
    socket.data.room = room;
    ack({ ok: true, members: io.sockets.adapter.rooms.get(room).size });
  });
  socket.on("sync", ({ since }) => {
    note("sync");
    const all = history.get(socket.data.room) || [];
    socket.emit("history", all.filter((message) => message.number > Number(since)));
  });
  socket.on("message", (message, ack) => {
    note("message");
    const room = socket.data.room;
    const full = { ...message, number: ++messages };
    const all = history.get(room) || [];
    history.set(room, [...all, full].slice(-20));
    io.to(room).emit("message", full);
    if (typeof ack === "function") ack({ ok: true });
  });
});

server.listen(PORT, "127.0.0.1");
