// Public domain (CC0). Emits the members of a JSON list that were not there before.
import { axios, ConfigurationError } from "@pipedream/platform";
import common from "../common/polling.mjs";

const memberOf = (value, path) => path.split(".").filter(Boolean).reduce((inner, name) => inner?.[name], value);

export default {
  key: "json-new-item",
  name: "New Item in JSON API",
  description: "Emit an event for each new member of a list that a JSON API answers with",
  version: "1.0.0",
  type: "source",
  dedupe: "unique",
  props: {
    ...common.props,
    url: { type: "string", label: "URL" },
    path: { type: "string", label: "Path", description: "Where the list is in the answer, such as data.items", optional: true },
    idMember: { type: "string", label: "Id Member", description: "Where a member's id is", default: "id" },
    headers: { type: "object", label: "Headers", optional: true },
  },
  async run() {
    const answer = await axios(this, { url: this.url, headers: this.headers ?? {} });
    const items = memberOf(answer, this.path ?? "");
    if (!Array.isArray(items)) throw new ConfigurationError(`there is no list at '${this.path ?? ""}'`);
    for (const item of items) {
      const id = memberOf(item, this.idMember);
      this.$emit(item, { id, summary: String(item.name ?? item.title ?? id), ts: Date.now() });
    }
  },
};
