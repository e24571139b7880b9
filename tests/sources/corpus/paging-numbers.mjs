import { axios } from "@pipedream/platform";
export default {
  name: "Pages", version: "1", dedupe: "unique", props: { timer: "$.interface.timer", base: "string" },
  methods: {
    async *pages() {
      for (let page = 1; page; ) {
        const { data, next } = await axios(this, { url: `${this.base}/pages`, params: { page, empty: undefined } });
        yield* data;
        page = next;
      }
    },
  },
  async run() { for await (const item of this.pages()) this.$emit(item, { id: item.id }); },
};
