// Public domain (CC0). It has no run function: the timer's own event is what it emits.
export default {
  key: "schedule-custom-interval",
  name: "Custom Interval",
  description: "Emit an event every so many seconds",
  version: "1.0.0",
  type: "source",
  props: {
    schedule: { type: "app", app: "schedule" },
    timer: { type: "$.interface.timer", label: "Schedule", default: { intervalSeconds: 60 * 15 } },
  },
};
