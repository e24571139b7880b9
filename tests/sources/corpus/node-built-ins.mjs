import { createHash, randomUUID } from "node:crypto";
import { promisify } from "util";
import { URL, URLSearchParams } from "url";
import path from "path";
import querystring from "querystring";
import { EventEmitter } from "events";
export default {
  name: "Built Ins", version: "1", props: { timer: "$.interface.timer" },
  async run() {
    const later = promisify((value, done) => setTimeout(() => done(null, value), 1));
    const emitter = new EventEmitter();
    const heard = new Promise((resolve) => emitter.once("x", resolve));
    emitter.emit("x", 5);
    this.$emit({
      sha: createHash("sha256").update("a").digest("hex").slice(0, 8), uuid: randomUUID().length, later: await later(3), heard: await heard,
      host: new URL("https://a.example/b?c=d").searchParams.get("c"), params: new URLSearchParams({ x: "y z" }).toString(),
      path: path.basename("/a/b.txt"), query: querystring.parse("a=1&b=2"), env: Object.keys(process.env).length, b64: Buffer.from("hi").toString("base64"),
    });
  },
};
