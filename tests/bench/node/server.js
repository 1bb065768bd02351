// Baseline (c): what `usual` in baselines.py does, as Express has it. One process, one core.
// Beside it, `create`: how fast twilio-node makes invites, for the request path's baseline.
"use strict";

const express = require("express");
const twilio = require("twilio");
const { createClient } = require("redis");

const PATH = "/v1/events/taskrouter";
const SCRIPT = "return {'ignored', ARGV[1]}";

async function serve() {
  const { PORT, TWILIO_AUTH_TOKEN, PUBLIC_BASE_URL, REDIS_URL } = process.env;
  const store = createClient({ url: REDIS_URL });
  await store.connect();
  const sha = await store.scriptLoad(SCRIPT);
  const app = express();
  app.get("/livez", (request, response) => response.sendStatus(200));
  app.post(PATH, express.urlencoded({ extended: false, limit: "256kb" }), async (request, response) => {
    const signature = request.get("X-Twilio-Signature") || "";
    if (!twilio.validateRequest(TWILIO_AUTH_TOKEN, signature, PUBLIC_BASE_URL + PATH, request.body)) {
      response.sendStatus(403);
      return;
    }
    await store.evalSha(sha, { keys: [`{00}:${request.body.TaskSid}`], arguments: [request.body.Sid] });
    response.status(204).end();
  });
  app.listen(Number(PORT), "127.0.0.1");
}

async function create(count, atOnce) {
  const base = new URL(process.env.TWILIO_BASE_URL);
  const client = twilio("AC" + "0".repeat(32), "token", { httpClient: new PlainClient(base) });
  const routing = { properties: { workspace_sid: "WS" + "0".repeat(32), workflow_sid: "WW" + "0".repeat(32) } };
  const channel = client.flexApi.v1.interaction("KD" + "0".repeat(32)).channels("UO" + "0".repeat(32));
  const waits = [];
  let next = 0;
  const began = process.hrtime.bigint();
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next++ < count) {
      const sent = process.hrtime.bigint();
      await channel.invites.create({ routing });
      waits.push(Number(process.hrtime.bigint() - sent) / 1e9);
    }
  }));
  process.stdout.write(JSON.stringify({ seconds: Number(process.hrtime.bigint() - began) / 1e9, waits }));
}

// The SDK's own client, sent to another host.
class PlainClient extends twilio.RequestClient {
  constructor(base) {
    super({ keepAlive: true, maxSockets: 256 });
    this.base = base;
  }

  request(options) {
    const asked = new URL(options.uri);
    return super.request({ ...options, uri: this.base.origin + asked.pathname });
  }
}

if (process.argv[2] === "create") {
  create(Number(process.argv[3]), Number(process.argv[4]));
} else {
  serve();
}
