// Public domain (CC0). Emits when a site stops answering and when it answers again.
import common from "../common/polling.mjs";

export default {
  key: "website-went-down",
  name: "Site Went Down or Came Back",
  description: "Emit an event when a web site stops or starts to answer",
  version: "1.0.0",
  type: "source",
  props: {
    ...common.props,
    url: { type: "string", label: "URL" },
    failures: { type: "integer", label: "Failures", description: "How many in a row count as down", default: 2, min: 1 },
  },
  async run() {
    const status = await fetch(this.url).then((answer) => answer.status, (error) => String(error.message ?? error));
    const isUp = typeof status === "number" && status < 500;
    const state = this.db.get("state") ?? { up: true, failures: 0 };
    const failures = isUp ? 0 : state.failures + 1;
    const up = isUp || (state.up && failures < this.failures);
    this.db.set("state", { up, failures });
    if (up !== state.up) {
      this.$emit({ url: this.url, up, status }, { summary: `${this.url} is ${up ? "up" : "down"}`, ts: Date.now() });
    }
  },
};
