// Public domain (CC0). Emits when a value of a JSON document is another than before.
import { axios } from "@pipedream/platform";
import common from "../common/polling.mjs";

export default {
  key: "json-value-changed",
  name: "Value Changed in JSON Document",
  description: "Emit an event when a value in a JSON document changes",
  version: "1.0.0",
  type: "source",
  props: {
    ...common.props,
    url: { type: "string", label: "URL" },
    path: { type: "string", label: "Path", description: "Where the value is, such as rates.EUR", optional: true },
  },
  async run() {
    const document = await axios(this, { url: this.url });
    const value = (this.path ?? "").split(".").filter(Boolean).reduce((inner, name) => inner?.[name], document) ?? null;
    const before = this.db.get("value");
    this.db.set("value", { value });
    if (before !== undefined && JSON.stringify(before.value) !== JSON.stringify(value)) {
      this.$emit({ before: before.value, value }, { summary: "The value changed", ts: Date.now() });
    }
  },
};
