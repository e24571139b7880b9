export default { name: "No Run", version: "1", props: { timer: "$.interface.timer" } };
