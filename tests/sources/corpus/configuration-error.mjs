import { ConfigurationError } from "@pipedream/platform";
export default { name: "Configured", version: "1", props: { timer: "$.interface.timer" }, run() { throw new ConfigurationError("choose another feed"); } };
