export default {
  name: "Mutation", version: "1", props: { timer: "$.interface.timer" },
  run() { const row = { n: 1 }; this.$emit(row); row.n = 2; this.$emit(row); this.$emit(undefined); },
};
