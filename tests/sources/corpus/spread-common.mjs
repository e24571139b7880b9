const common = {
  props: { db: "$.service.db", timer: { type: "$.interface.timer", default: { intervalSeconds: 60 * 15 } }, base: "string" },
  methods: {
    emitAll(items) { for (const item of items) this.$emit(item, { id: item.id, summary: item.title, ts: Date.parse(item.at) }); },
    wanted() { return true; },
  },
  async run() {
    const items = await (await fetch(`${this.base}/items`)).json();
    this.emitAll(items.filter((item) => this.wanted(item)));
  },
};
export default {
  ...common, name: `Spread ${1 + 1}`, version: "1", dedupe: "unique",
  props: { ...common.props, least: { type: "integer", min: 0, default: 2 } },
  methods: { ...common.methods, wanted(item) { return item.id >= this.least; } },
};
