import axios from "axios";
export default {
  name: "Cursor", version: "1", props: { timer: "$.interface.timer", db: "$.service.db", base: "string" },
  async run() {
    let after = this.db.get("after");
    for (;;) {
      const { data } = await axios.get(`${this.base}/cursor`, { params: { after } });
      for (const item of data.items) this.$emit(item);
      after = data.cursor;
      if (data.items.length === 0) break;
    }
    this.db.set("after", after);
  },
};
