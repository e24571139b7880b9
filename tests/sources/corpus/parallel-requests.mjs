export default {
  name: "Parallel", version: "1", props: { timer: "$.interface.timer", base: "string" },
  async run() {
    const ids = await Promise.all([1, 2, 3, 4].map(async (n) => (await (await fetch(`${this.base}/one/${n}`)).json()).id));
    this.$emit(ids);
  },
};
