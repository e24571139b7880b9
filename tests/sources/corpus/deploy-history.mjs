export default {
  name: "History", version: "1", dedupe: "unique", props: { timer: "$.interface.timer", base: "string" },
  hooks: { async deploy() { await this.load(2); } },
  methods: {
    async load(most) {
      const items = await (await fetch(`${this.base}/items`)).json();
      for (const item of items.slice(0, most)) this.$emit(item, { id: item.id, ts: Date.parse(item.at) });
    },
  },
  async run() { await this.load(10); },
};
