export default { name: "Listener", version: "1", props: { db: "$.service.db" }, run(event) { this.$emit({ heard: event }); } };
