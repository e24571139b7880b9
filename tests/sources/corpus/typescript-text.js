type Row = { id: number };
const rows: Row[] = [{ id: 3 }, { id: 4 }];
export default { name: "Text", version: "1", props: { timer: "$.interface.timer" }, run() { for (const row of rows) this.$emit(row); } };
