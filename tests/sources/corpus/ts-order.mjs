export default {
  name: "Order", version: "1", props: { timer: "$.interface.timer" },
  run() { for (const ts of [30, 10, 20]) this.$emit(ts, { ts }); this.$emit("late"); this.$emit("date", { ts: new Date(15) }); },
};
