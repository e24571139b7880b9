export default {
  name: "Channels", version: "1", props: { timer: "$.interface.timer" },
  run() { this.$emit({ a: 1 }, { name: "created" }); this.$emit({ a: 2 }); },
};
