export default {
  name: "Challenge", version: "1", props: { httpInterface: { type: "$.interface.http", customResponse: true } },
  run(event) {
    if (event.query.challenge) return this.httpInterface.respond({ statusCode: 200, headers: { "content-type": "text/plain" }, body: event.query.challenge });
    this.httpInterface.respond({ status: "202", body: Buffer.from("ok") });
    this.$emit(event.body);
  },
};
