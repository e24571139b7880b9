// Public domain (CC0). Emits requests that carry an HMAC signature of their body, and refuses the others.
import { createHmac, timingSafeEqual } from "crypto";

export default {
  key: "http-new-signed-requests",
  name: "New Signed Requests",
  description: "Emit an event for each HTTP request whose body is signed with a shared secret (HMAC)",
  version: "1.0.0",
  type: "source",
  props: {
    http: { type: "$.interface.http", customResponse: true },
    secret: { type: "string", label: "Secret", secret: true },
    header: { type: "string", label: "Header", description: "Which header has the signature", default: "x-hub-signature-256" },
    algorithm: { type: "string", label: "Algorithm", options: ["sha256", "sha512", "sha1"], default: "sha256" },
  },
  methods: {
    isSigned({ headers, bodyRaw }) {
      const given = String(headers[this.header.toLowerCase()] ?? "").replace(/^\w+=/, "");
      const wanted = createHmac(this.algorithm, this.secret).update(bodyRaw).digest("hex");
      return given.length === wanted.length && timingSafeEqual(Buffer.from(given), Buffer.from(wanted));
    },
  },
  async run(event) {
    if (!this.isSigned(event)) {
      this.http.respond({ status: 401, body: { error: "the signature is missing or wrong" } });
      return;
    }
    this.http.respond({ status: 202 });
    this.$emit(event.body ?? null, { summary: `${event.method} ${event.path}`, ts: Date.now() });
  },
};
