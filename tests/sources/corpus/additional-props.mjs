export default {
  name: "Additional", version: "1", props: { timer: "$.interface.timer", kind: { type: "string", reloadProps: true } },
  async additionalProps() { return this.kind === "a" ? { extra: { type: "string", label: "Extra" } } : {}; },
  run() { this.$emit({ kind: this.kind, extra: this.extra }); },
};
