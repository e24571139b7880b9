export default { name: "Silent", version: "1", props: { http: { type: "$.interface.http", customResponse: true } }, run(event) { this.$emit(event.path); } };
