module.exports = {
  name: "Common Js", version: "0.0.1",
  props: { timer: "$.interface.timer", db: "$.service.db" },
  run() { const n = (this.db.get("n") || 0) + 1; this.db.set("n", n); this.$emit({ n }, { id: n, summary: `run ${n}` }); },
};
