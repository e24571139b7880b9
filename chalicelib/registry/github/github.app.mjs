// Public domain (CC0).
import { axios } from "@pipedream/platform";

export default {
  type: "app",
  app: "github",
  propDefinitions: {
    repository: { type: "string", label: "Repository", description: "Owner and name, such as octo/hello" },
  },
  methods: {
    async list(step, path, params = {}) {
      const token = this.$auth.oauth_access_token ?? this.$auth.token;
      return axios(step, {
        url: `https://api.github.com${path}`,
        params,
        headers: { accept: "application/vnd.github+json", authorization: token ? `Bearer ${token}` : undefined },
      });
    },
  },
};
