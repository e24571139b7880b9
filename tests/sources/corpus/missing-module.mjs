import Stripe from "stripe-of-the-future";
export default { name: "Missing", version: "1", props: { timer: "$.interface.timer" }, run() { new Stripe("k"); } };
