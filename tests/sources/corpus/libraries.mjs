import get from "lodash/get.js";
import startCase from "lodash/startCase";
import moment from "moment";
import dayjs from "dayjs";
import { v4 as uuid } from "uuid";
import qs from "qs";
import hash from "object-hash";
export default {
  name: "Libraries", version: "1", props: { timer: "$.interface.timer" },
  run() {
    this.$emit({
      get: get({ a: { b: [7] } }, "a.b[0]"), startCase: startCase("fooBar"), moment: moment.utc(0).format("YYYY-MM-DD"),
      dayjs: dayjs("2026-01-02").format("DD.MM."), uuid: /^[0-9a-f-]{36}$/.test(uuid()), qs: qs.stringify({ a: [1, 2] }, { indices: false }), hash: hash({ a: 1 }).length,
    });
  },
};
