// Public domain (CC0). Emits when a page is another than before.
import { createHash } from "crypto";
import common from "../common/polling.mjs";

export default {
  ...common,
  key: "website-page-changed",
  name: "Page Changed",
  description: "Emit an event when the text of a web page changes",
  version: "1.0.0",
  type: "source",
  props: {
    ...common.props,
    url: { type: "string", label: "URL" },
    ignore: { type: "string[]", label: "Ignore", description: "Regular expressions for what may change", optional: true },
  },
  async run() {
    let text = await this.text(this.url);
    for (const pattern of this.ignore ?? []) text = text.replace(new RegExp(pattern, "g"), "");
    const hash = createHash("sha256").update(text).digest("hex");
    const before = this.db.get("hash");
    this.db.set("hash", hash);
    if (before && before !== hash) this.$emit({ url: this.url, hash, before }, { id: hash, summary: `${this.url} changed` });
  },
};
