export default {
  name: "Unknown", version: "1", props: { timer: "$.interface.timer", store: "$.service.db" },
  run() {
    const before = this.store.get("x");
    this.store.set("x", { deep: [1, { two: 2 }] });
    const seen = this.store.get("x");
    this.store.set("gone", 1); this.store.set("gone", undefined);
    this.$emit({ undefinedFirst: before === undefined, seen, gone: this.store.get("gone") === undefined });
  },
};
