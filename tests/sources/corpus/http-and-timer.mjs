export default {
  name: "Both", version: "1", props: { http: "$.interface.http", timer: { type: "$.interface.timer", default: { intervalSeconds: 3600 } } },
  run(event) { this.$emit(event.method ? `http ${event.path}` : `timer ${event.interval_seconds}`); },
};
