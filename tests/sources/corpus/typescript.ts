interface Item { id: number; title: string }
enum Kind { Old = "old", New = "new" }
const label = <T extends Item>(item: T): string => `${item.id}: ${item.title}`;
export default {
  name: "Type Script", version: "1.0.0", dedupe: "unique" as const,
  props: { timer: "$.interface.timer", base: { type: "string" } },
  methods: { shape(item: Item): Item & { kind: Kind } { return { ...item, kind: item.id > 1 ? Kind.New : Kind.Old }; } },
  async run(this: any): Promise<void> {
    const items = (await (await fetch(`${this.base}/items`)).json()) as Item[];
    for (const item of items) this.$emit(this.shape(item) satisfies Item, { id: item.id, summary: label(item), ts: item.id });
  },
};
