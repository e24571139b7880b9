// Public domain (CC0). Emits the pages of a sitemap that were not there before.
import { XMLParser } from "fast-xml-parser";
import common from "../common/polling.mjs";

export default {
  ...common,
  key: "sitemap-new-page",
  name: "New Page in Sitemap",
  description: "Emit an event for each page that is new in a site's sitemap",
  version: "1.0.0",
  type: "source",
  dedupe: "unique",
  props: { ...common.props, url: { type: "string", label: "Sitemap URL" } },
  async run() {
    const { urlset } = new XMLParser().parse(await this.text(this.url));
    for (const page of [urlset?.url ?? []].flat()) {
      this.$emit(page, { id: page.loc, summary: page.loc, ts: Date.parse(page.lastmod ?? "") || undefined });
    }
  },
};
