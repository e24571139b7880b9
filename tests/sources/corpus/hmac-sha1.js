const crypto = require("crypto");
module.exports = {
  name: "Sha1", version: "1", props: { http: { type: "$.interface.http", customResponse: true }, secret: { type: "string", secret: true } },
  async run(event) {
    const mac = "sha1=" + crypto.createHmac("sha1", this.secret).update(event.bodyRaw, "utf8").digest("hex");
    const same = mac.length === (event.headers["x-hub-signature"] || "").length && crypto.timingSafeEqual(Buffer.from(mac), Buffer.from(event.headers["x-hub-signature"]));
    this.http.respond({ status: same ? 200 : 403 });
    if (same) this.$emit(event.body);
  },
};
