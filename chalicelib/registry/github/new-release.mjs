// Public domain (CC0). Emits the releases of a repository.
import common from "../common/polling.mjs";
import github from "./github.app.mjs";

export default {
  key: "github-new-release",
  name: "New Release",
  description: "Emit an event for each new release of a GitHub repository",
  version: "1.0.0",
  type: "source",
  dedupe: "greatest",
  props: { github, ...common.props, repository: { propDefinition: [github, "repository"] } },
  async run() {
    const releases = await this.github.list(this, `/repos/${this.repository}/releases`, { per_page: 50 });
    for (const release of releases) {
      const ts = Date.parse(release.published_at ?? release.created_at);
      this.$emit(release, { id: release.id, summary: release.name || release.tag_name, ts });
    }
  },
};
