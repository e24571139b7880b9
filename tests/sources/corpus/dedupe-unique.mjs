export default {
  name: "Unique", version: "1", dedupe: "unique", props: { timer: "$.interface.timer", base: "string" },
  async run() { for (const item of await (await fetch(`${this.base}/growing`)).json()) this.$emit(item, { id: item.id }); },
};
