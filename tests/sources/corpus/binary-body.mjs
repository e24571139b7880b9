import axios from "axios";
export default {
  name: "Binary", version: "1", props: { timer: "$.interface.timer", base: "string" },
  async run() {
    const { data } = await axios.get(`${this.base}/bytes`, { responseType: "arraybuffer" });
    this.$emit({ length: data.length ?? data.byteLength, hex: Buffer.from(data).toString("hex") });
  },
};
