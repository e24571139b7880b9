export default {
  name: "Static", version: "1", props: { timer: { type: "$.interface.timer", static: { intervalSeconds: 30 } } },
  run(event) { this.$emit(event.interval_seconds); },
};
