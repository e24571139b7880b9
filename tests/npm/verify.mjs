// Reads deliveries, one JSON line each: {name, secret, headers, body}. Writes {name, verified, event} for each.
import { createInterface } from "node:readline";
import { Webhook } from "standardwebhooks";

for await (const line of createInterface({ input: process.stdin })) {
  const { name, secret, headers, body } = JSON.parse(line);
  let answer = { name, verified: true };
  try {
    answer.event = new Webhook(secret).verify(body, headers);
  } catch (error) {
    answer = { name, verified: false, error: error.constructor.name };
  }
  console.log(JSON.stringify(answer));
}
