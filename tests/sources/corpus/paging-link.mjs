export default {
  name: "Links", version: "1", props: { timer: "$.interface.timer", base: "string" },
  async run() {
    let url = `${this.base}/link?page=1`;
    while (url) {
      const answer = await fetch(url);
      for (const item of await answer.json()) this.$emit(item);
      url = /<([^>]+)>; rel="next"/.exec(answer.headers.get("link") ?? "")?.[1];
    }
  },
};
