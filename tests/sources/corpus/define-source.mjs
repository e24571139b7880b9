import { defineSource } from "@pipedream/types";
export default defineSource({
  name: "Define Source", version: "1", type: "source", props: { timer: "$.interface.timer" },
  async run() { this.$emit({ ok: true }); },
});
