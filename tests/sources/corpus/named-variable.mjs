const component = { name: "Variable", version: "1", props: { timer: "$.interface.timer" }, async run() { this.$emit("variable"); } };
export default component;
