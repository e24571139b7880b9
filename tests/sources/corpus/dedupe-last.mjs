export default {
  name: "Last", version: "1", dedupe: "last", props: { timer: "$.interface.timer", base: "string" },
  async run() { for (const item of (await (await fetch(`${this.base}/growing`)).json()).reverse()) this.$emit(item, { id: item.id }); },
};
