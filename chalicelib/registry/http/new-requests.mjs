// Public domain (CC0). Emits each HTTP request that arrives at the source's own address.
export default {
  key: "http-new-requests",
  name: "New Requests",
  description: "Emit an event for each HTTP request to the source's address",
  version: "1.0.0",
  type: "source",
  props: {
    httpInterface: { type: "$.interface.http", customResponse: true },
    emitBodyOnly: {
      type: "boolean",
      label: "Body Only",
      description: "Emit the body alone instead of the whole request",
      optional: true,
      default: false,
    },
    responseStatus: { type: "integer", label: "Response Status", optional: true, default: 200, min: 200, max: 599 },
    responseBody: { type: "string", label: "Response Body", optional: true, default: "OK" },
    http: { type: "app", app: "http" },
  },
  async run(event) {
    this.httpInterface.respond({ status: this.responseStatus, body: this.responseBody });
    const summary = `${event.method} ${event.path}`;
    this.$emit(this.emitBodyOnly ? event.body ?? null : event, { summary, ts: Date.now() });
  },
};
