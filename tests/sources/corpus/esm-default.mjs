export default {
  name: "Esm Default", version: "1.0.0",
  props: { timer: { type: "$.interface.timer", default: { intervalSeconds: 60 } } },
  async run(event) { this.$emit({ at: event.timestamp, every: event.interval_seconds }); },
};
