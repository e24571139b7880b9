import { axios } from "@pipedream/platform";
const acme = {
  type: "app", app: "acme",
  propDefinitions: { base: { type: "string", label: "Base", description: "Where the API is" } },
  methods: {
    headers() { return { authorization: `Bearer ${this.$auth.api_key}` }; },
    async me($, base) { return axios($, { url: `${base}/private`, headers: this.headers() }); },
  },
};
export default {
  name: "App", version: "1", props: { acme, timer: "$.interface.timer", base: { propDefinition: [acme, "base"] } },
  async run() { this.$emit(await this.acme.me(this, this.base)); },
};
