export default {
  name: "Throws", version: "1", props: { timer: "$.interface.timer", db: "$.service.db" },
  run() { this.$emit("first"); this.db.set("seen", true); console.log("before"); console.error("bad", { a: 1 }); null.nothing; },
};
