// Public domain (CC0). It has no run function: the timer's own event is what it emits.
export default {
  key: "schedule-weekly",
  name: "Weekly Schedule",
  description: "Emit an event every week on the days you choose",
  version: "1.0.0",
  type: "source",
  props: {
    schedule: { type: "app", app: "schedule" },
    cron: { type: "$.interface.timer", label: "Schedule", default: { cron: "0 12 * * 1" } },
  },
};
