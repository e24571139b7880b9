import { axios } from "@pipedream/platform";
import crypto from "crypto";
export default {
  name: "Webhook", version: "1", dedupe: "unique",
  props: { http: { type: "$.interface.http", customResponse: true }, db: "$.service.db", base: "string" },
  hooks: {
    async activate() {
      const hook = await axios(this, { method: "POST", url: `${this.base}/hooks`, data: { url: this.http.endpoint } });
      this.db.set("hook", hook);
    },
    async deactivate() {
      await axios(this, { method: "DELETE", url: `${this.base}/hooks/${this.db.get("hook").id}` });
      this.db.set("hook", null);
    },
  },
  async run({ headers, body, bodyRaw }) {
    const wanted = crypto.createHmac("sha256", this.db.get("hook").secret).update(bodyRaw).digest("base64");
    if (headers["x-signature"] !== wanted) return this.http.respond({ status: 401 });
    this.http.respond({ status: 200, headers: { "x-seen": "1" }, body: { received: body.id } });
    this.$emit(body, { id: body.id, summary: body.kind, ts: Date.now() });
  },
};
