// Public domain (CC0). Emits webhook events whose signature fits, in the way of the Stripe-Signature header.
import { createHmac } from "crypto";

interface Signed {
  timestamp: number;
  signatures: string[];
}

const TOLERANCE_SECONDS: number = 300;

function parsed(header: string): Signed {
  const pairs = header.split(",").map((pair): [string, string] => pair.split("=", 2) as [string, string]);
  return {
    timestamp: Number(pairs.find(([name]) => name === "t")?.[1]),
    signatures: pairs.filter(([name]) => name === "v1").map(([, value]) => value),
  };
}

export default {
  key: "stripe-new-event",
  name: "New Webhook Event",
  description: "Emit an event for each signed webhook call with a Stripe-Signature header",
  version: "1.0.0",
  type: "source",
  dedupe: "unique",
  props: {
    http: { type: "$.interface.http", customResponse: true },
    secret: { type: "string", label: "Signing Secret", secret: true },
  },
  async run(event: { headers: Record<string, string>; bodyRaw: string; body: { id: string; type: string; created: number } }) {
    const { timestamp, signatures } = parsed(event.headers["stripe-signature"] ?? "");
    const wanted = createHmac("sha256", this.secret).update(`${timestamp}.${event.bodyRaw}`).digest("hex");
    const isFresh = Math.abs(Date.now() / 1000 - timestamp) <= TOLERANCE_SECONDS;
    if (!signatures.includes(wanted) || !isFresh) {
      this.http.respond({ status: 400, body: "the signature does not fit" });
      return;
    }
    this.http.respond({ status: 200 });
    this.$emit(event.body, { id: event.body.id, summary: event.body.type, ts: event.body.created * 1000 });
  },
};
