export default {
  name: "Types", version: "1",
  props: {
    timer: "$.interface.timer", s: "string", i: "integer", b: "boolean", o: "object", a: "any", ss: "string[]", is: "integer[]",
    note: { type: "alert", alertType: "info", content: "read me" }, missing: { type: "string", optional: true }, d: { type: "string", default: "dd" },
  },
  run() { const { s, i, b, o, a, ss, is, missing, d } = this; this.$emit({ s, i, b, o, a, ss, is, missing: missing === undefined, d }); },
};
