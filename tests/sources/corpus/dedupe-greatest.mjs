export default {
  name: "Greatest", version: "1", dedupe: "greatest", props: { timer: "$.interface.timer", base: "string" },
  async run() { for (const item of await (await fetch(`${this.base}/growing`)).json()) this.$emit(item, { id: item.id }); },
};
