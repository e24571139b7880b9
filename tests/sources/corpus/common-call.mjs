const common = {
  hooks: { async activate() { this.db.set("on", this.start); } },
  methods: { next() { return this.db.get("on") + this.step; } },
};
export default {
  name: "Call", version: "1", props: { timer: "$.interface.timer", db: "$.service.db", start: "integer", step: { type: "integer", default: 2 } },
  hooks: { async activate() { await common.hooks.activate.bind(this)(); }, },
  run() { const value = common.methods.next.call(this); this.db.set("on", value); this.$emit(value); },
};
