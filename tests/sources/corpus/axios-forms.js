const axios = require("axios@0.19.2");
module.exports = {
  name: "Axios", version: "1", props: { timer: "$.interface.timer", base: "string" },
  async run() {
    const posted = await axios({ method: "post", url: `${this.base}/echo`, data: { a: 1 }, headers: { "x-one": "1" }, auth: { username: "u", password: "p" } });
    const failed = await axios.get(`${this.base}/missing`).catch((error) => error.response.status);
    const client = axios.create({ baseURL: this.base });
    const listed = await client.get("/items", { params: { q: "a b" } });
    this.$emit({ posted: posted.data.body, auth: posted.data.authorization, failed, listed: listed.data.length, status: listed.status });
  },
};
