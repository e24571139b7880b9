import retry from "async-retry";
export default {
  name: "Retry", version: "1", props: { timer: "$.interface.timer", base: "string" },
  async run() {
    const answer = await retry(async () => { const got = await fetch(`${this.base}/flaky`); if (!got.ok) throw new Error("again"); return got.json(); }, { retries: 3, minTimeout: 1 });
    this.$emit(answer);
  },
};
