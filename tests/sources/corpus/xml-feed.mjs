import Parser from "rss-parser";
export default {
  name: "Feed", version: "1", dedupe: "unique", props: { timer: "$.interface.timer", base: "string" },
  async run() {
    const feed = await new Parser().parseString(await (await fetch(`${this.base}/feed.xml`)).text());
    for (const item of feed.items) this.$emit({ title: item.title, link: item.link }, { id: item.guid, ts: Date.parse(item.isoDate) });
  },
};
