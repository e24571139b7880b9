class Counter { #n = 0; static start = 5; add(by = 1) { this.#n += by; return this; } get value() { return this.#n + Counter.start; } }
async function* numbers() { yield* [1, 2]; }
export default {
  name: "Language", version: "1", props: { timer: "$.interface.timer" },
  async run() {
    const seen = [];
    for await (const n of numbers()) seen.push(n);
    const { groups: { year } } = /(?<year>\d{4})(?<!x)/.exec("in 2026");
    const settled = await Promise.allSettled([Promise.reject(new Error("no")), 1]);
    this.$emit({ value: new Counter().add().add(2).value, seen, year, big: String(2n ** 64n), nil: null ?? "d", chain: {}.a?.b ?? null, settled: settled.map((one) => one.status), at: [1, 2, 3].at(-1) });
  },
};
