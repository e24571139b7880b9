// Public domain (CC0). An action: sends one request and returns the answer.
import { axios } from "@pipedream/platform";

export default {
  key: "http-send-request",
  name: "Send Request",
  description: "Send an HTTP request and return the answer",
  version: "1.0.0",
  type: "action",
  props: {
    url: { type: "string", label: "URL" },
    method: { type: "string", label: "Method", options: ["GET", "POST", "PUT", "PATCH", "DELETE"], default: "GET" },
    headers: { type: "object", label: "Headers", optional: true },
    data: { type: "any", label: "Body", optional: true },
  },
  async run({ $ }) {
    const { url, method, headers, data } = this;
    const answer = await axios($, { url, method, headers, data, returnFullResponse: true });
    $.export("status", answer.status);
    return answer.data;
  },
};
