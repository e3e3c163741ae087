// The official Standard Webhooks library and Svix's against Kairos: each verifies the courier's requests, tampered ones are refused, and the
// sink verifies what the official library signs. Usage: node webhooks.mjs PATH_OF_webhook_peer
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";
import { Webhook as Svix } from "svix";

const peer = process.argv[2];
const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const old = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const stranger = "whsec_" + Buffer.alloc(32, 7).toString("base64");

function refused(check) {
  assert.throws(check, (e) => /signature|timestamp|Signature|Timestamp/.test(String(e)));
}

async function courierToLibraries(count) {
  const seen = new Map();
  const server = createServer((request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      const id = request.headers["webhook-id"];
      const attempts = seen.get(id) ?? [];
      attempts.push({ headers: request.headers, body: Buffer.concat(parts).toString("utf8") });
      seen.set(id, attempts);
      response.writeHead(attempts.length === 1 && seen.size % 10 === 0 ? 500 : 204).end(); // every tenth has to come again
    });
  });
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const url = `http://127.0.0.1:${server.address().port}/hook`;
  const sender = spawn(peer, ["send", url, String(count), secret, old], { stdio: ["ignore", "ignore", "inherit"] });
  const code = await new Promise((ended) => sender.on("exit", ended));
  server.closeAllConnections();
  server.close();
  assert.equal(code, 0, "every letter was delivered");
  assert.equal(seen.size, count, "webhook-id is constant over the attempts and never shared");
  let again = 0;
  for (const [id, attempts] of seen) {
    assert.match(id, /^msg_peer_d\d+-\d+$/);
    again += attempts.length > 1;
    const { headers, body } = attempts[0];
    assert.equal(headers["content-type"], "application/json");
    assert.equal(JSON.parse(body).type, "intervention.sent");
    for (const key of [secret, old]) { // both secrets of a rotation
      assert.deepEqual(new Webhook(key).verify(body, headers), JSON.parse(body));
      assert.deepEqual(new Svix(key).verify(body, headers), JSON.parse(body));
    }
    for (const Library of [Webhook, Svix]) {
      refused(() => new Library(stranger).verify(body, headers));
      refused(() => new Library(secret).verify(body + " ", headers));
      refused(() => new Library(secret).verify(body, { ...headers, "webhook-id": id + "0" }));
      refused(() => new Library(secret).verify(body, { ...headers, "webhook-timestamp": String(Number(headers["webhook-timestamp"]) + 1) }));
    }
    for (const attempt of attempts.slice(1)) assert.equal(attempt.body, body, "the same bytes again");
  }
  assert.ok(again >= count / 10 - 1, "some came twice");
  console.log(`${count} webhooks verified by standardwebhooks and svix, ${again} of them came again under the same id`);
}

async function libraryToSink() {
  const sink = spawn(peer, ["receive", secret], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: sink.stdout })[Symbol.asyncIterator]();
  const line = async () => (await lines.next()).value;
  const port = Number(await line());
  const body = JSON.stringify({ type: "intervention.sent", data: { message: "Привет" } });
  const post = async (headers, text = body) => {
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: "POST", headers, body: text });
    return [response.status, await line()];
  };
  const headers = (at, key = secret) => ({
    "webhook-id": "msg_1",
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": new Webhook(key).sign("msg_1", at, body),
  });
  const now = new Date();
  const bytes = Buffer.byteLength(body);
  assert.deepEqual(await post(headers(now)), [204, `verified||${bytes}`]);
  const both = headers(now);
  both["webhook-signature"] = `v1a,abc ${headers(now, old)["webhook-signature"]} ${both["webhook-signature"]}`;
  assert.deepEqual(await post(both), [204, `verified||${bytes}`]);
  assert.equal((await post(headers(now, old)))[0], 401);
  assert.equal((await post(headers(now), body.replace("sent", "went")))[0], 401);
  assert.equal((await post(headers(new Date(now.getTime() - 302000))))[0], 401);
  assert.equal((await post(headers(new Date(now.getTime() + 302000))))[0], 401);
  assert.equal((await post({}))[0], 401);
  sink.stdin.end();
  assert.equal(await new Promise((ended) => sink.on("exit", ended)), 0);
  console.log("the sink verifies what standardwebhooks signs, and refuses the rest");
}

await courierToLibraries(200);
await libraryToSink();
