const app = {
  type: "app", app: "acme",
  propDefinitions: {
    project: { type: "string", label: "Project", async options({ page }) { return [{ label: `p${page}`, value: page }]; } },
    board: { type: "string", label: "Board", optional: true, default: "main", async options({ project }) { return [project]; } },
  },
};
export default {
  name: "Inputs", version: "1",
  props: {
    app, timer: "$.interface.timer", project: { propDefinition: [app, "project"] },
    board: { propDefinition: [app, "board", (c) => ({ project: c.project })], description: "own words" },
  },
  run() { this.$emit([this.project, this.board]); },
};
