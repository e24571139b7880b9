// Public domain (CC0). Emits the items of a feed that were not there before, oldest first.
import Parser from "rss-parser";
import common from "../common/polling.mjs";

export default {
  ...common,
  key: "rss-new-item-in-feed",
  name: "New Item in Feed",
  description: "Emit an event for each new item of an RSS or Atom feed",
  version: "1.0.0",
  type: "source",
  dedupe: "unique",
  props: {
    rss: { type: "app", app: "rss" },
    ...common.props,
    url: { type: "string", label: "Feed URL", description: "The address of the feed" },
  },
  hooks: {
    async activate() {
      await this.items();
    },
  },
  methods: {
    ...common.methods,
    async items() {
      const feed = await new Parser().parseString(await this.text(this.url, { accept: "application/rss+xml, */*" }));
      return feed.items ?? [];
    },
    timeOf(item) {
      const ts = Date.parse(item.isoDate ?? item.pubDate ?? "");
      return Number.isNaN(ts) ? undefined : ts;
    },
  },
  async run() {
    const items = await this.items();
    for (const item of items.reverse()) {
      const id = item.guid ?? item.id ?? item.link ?? item.title;
      this.$emit(item, { id, summary: item.title ?? id, ts: this.timeOf(item) });
    }
  },
};
