export default {
  name: "Bare", version: "1", props: { timer: { type: "$.interface.timer", intervalSeconds: 45 } },
  run(event) { this.$emit([event.interval_seconds, this.timer.type]); },
};
