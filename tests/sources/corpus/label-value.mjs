export default {
  name: "Labels", version: "1",
  props: { timer: "$.interface.timer", plain: { type: "string" }, whole: { type: "string", withLabel: true }, many: { type: "string[]" } },
  run() { this.$emit({ plain: this.plain, whole: this.whole, many: this.many }); },
};
