// Receives webhooks to begin with: answers 401 unless the signature is right, and prints the rest. Put your own code in
// place of `handle`.
//
//     node webhook.js 9000 crm.secret
//
// `crm.secret` is the file with the secret that the destination names, too. It needs Node alone.

const { createHmac, timingSafeEqual } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { createServer } = require("node:http");

// Do something with a delivery: what is repeated has the id that it had before.
function handle(webhookId, body) {
  console.log(webhookId, body.toString());
}

// headers: names in lower case. body: a Buffer, as it came, before anything has parsed it.
function isGenuine(secret, headers, body, toleranceS = 300) {
  const sentAt = headers["webhook-timestamp"] ?? "";
  if (!/^[0-9]+$/.test(sentAt) || Math.abs(Date.now() / 1000 - Number(sentAt)) > toleranceS) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signed = Buffer.concat([Buffer.from(`${headers["webhook-id"] ?? ""}.${sentAt}.`), body]);
  const expected = Buffer.from(`v1,${createHmac("sha256", key).update(signed).digest("base64")}`);
  const given = (headers["webhook-signature"] ?? "").split(" ").map((each) => Buffer.from(each));
  return given.some((each) => each.length === expected.length && timingSafeEqual(each, expected));
}

const [port, file] = process.argv.slice(2);
const secret = readFileSync(file, "utf-8").trim();

createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const genuine = isGenuine(secret, request.headers, body);
  if (genuine) handle(request.headers["webhook-id"], body);
  response.writeHead(genuine ? 204 : 401).end();
}).listen(Number(port), "127.0.0.1", () => console.log(`waiting for webhooks at http://127.0.0.1:${port}/`));
