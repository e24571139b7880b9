export default {
  name: "Destructured", version: "1", props: { timer: "$.interface.timer", db: "$.service.db", a: "string", b: { type: "integer", default: 2 } },
  methods: { twice(n) { return n * 2; } },
  run() { const { timer, db, twice, ...rest } = this; this.$emit({ rest, twice: twice(this.b) }); },
};
