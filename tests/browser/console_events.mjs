// The second half of the console: events, webhooks, schedules, sources, flows and pins.

// `kit` is what console.mjs has: open, enter, check, assert, api, base, scene, MODES.
export async function drive({ open, enter, check, assert, api, base, scene, MODES }) {
  const VIEWS = {
    events: ["#/events", "tbody tr"],
    "events-flow": [`#/events/${scene.flow}`, ".events summary"],
    "events-stream": [`#/events/${scene.small}`, ".events summary"],
    webhooks: ["#/webhooks", "tbody tr"],
    "webhooks-in": ["#/webhooks?tab=in", "tbody tr"],
    webhook: [`#/webhooks/${scene.told}`, "section tbody tr"],
    schedules: ["#/schedules", "tbody tr"],
    schedule: [`#/schedules/${scene.schedule}`, "section tbody tr"],
    sources: ["#/sources", "tbody tr"],
    source: [`#/sources/${scene.source}`, ".tabs"],
    flows: ["#/flows", "tbody tr"],
    flow: [`#/flows/${scene.flow}`, ".steps li"],
    "flow-routed": [`#/flows/${scene.routed}`, ".steps ul li"],
    pins: ["#/pins", "tbody tr"],
    pin: [`#/pins/${scene.pin}`, ".spark"],
  };

  async function enterAt(hash, options) {
    const page = await open(hash, options);
    await page.waitForSelector("#key");
    await enter(page);
    return page;
  }

  const inbox = (name, reply) => fetch(`${base}/_local/inboxes/${name}/reply`, { method: "PUT", body: JSON.stringify(reply) });

  // A flow's job is followed live; what was refused is corrected, tried again, and resolved.
  {
    const page = await enterAt(`#/flows/${scene.flow}`);
    await page.waitForSelector(".steps li");
    await page.click("text='Run now …'");
    await page.click("dialog button.primary");
    await page.locator("section .badge.good", { hasText: "completed" }).first().waitFor();
    await page.locator(".steps a.badge.bad", { hasText: "2" }).waitFor();
    await check(page, "flow-ran-light");
    await page.click(".steps a.badge.bad");
    await page.locator("tbody tr").nth(1).waitFor();
    await check(page, "flow-errors-light");
    await page.locator("text='Retry data'").first().click();
    await page.waitForSelector("dialog textarea");
    await page.fill("dialog textarea", "{");
    await page.click("dialog >> text='Save'");
    await page.waitForSelector("dialog [aria-invalid]");
    await page.fill("dialog textarea", '{"number": "P-9", "owner": "Depot"}');
    await check(page, "flow-data-light");
    await page.click("dialog >> text='Save and retry'");
    await page.locator("[aria-live] .badge.good").first().waitFor();
    await page.waitForFunction(() => document.querySelectorAll("[role=tabpanel] tbody tr").length === 1);
    const { requests } = await api("GET", "/_local/inboxes/shop");
    assert.equal(JSON.parse(requests[0].body).number, "P-9");
    await page.check("[role=tabpanel] tbody input");
    await page.click("text='Resolve'");
    await page.waitForSelector("text=No open errors.");
    await page.click("[role=tab] >> text='Resolved'");
    await page.locator("[role=tabpanel]:not([hidden]) tbody tr").nth(1).waitFor();
    await page.context().close();
    await inbox("shop", { status: 500, times: 2 });
    await api("POST", `/v1/flows/${scene.flow}/run`, {});
  }

  // Every view in every mode: it fits, and everybody can use it.
  for (const [mode, options] of Object.entries(MODES)) {
    const page = await enterAt("#/events", options);
    for (const [name, [hash, ready]] of Object.entries(VIEWS)) {
      await page.goto(`${base}/console${hash}`);
      await page.waitForSelector(ready);
      await check(page, `${name}-${mode}`);
    }
    assert.equal(await page.locator("img, b, script:not([src])").count(), 0, "data became elements");
    await page.context().close();
  }

  // Events arrive while somebody reads along; one opens, and leads to the run that it tells of.
  {
    const page = await enterAt(`#/events/${scene.small}`);
    await page.waitForSelector(".events summary");
    const before = await page.locator(".events > li").count();
    await page.click("text='Follow live'");
    await api("POST", `/v1/workflows/${scene.small}/execute`, { input: {} });
    await page.waitForFunction((count) => document.querySelectorAll(".events > li").length > count, before);
    await page.locator(".events summary").first().press("Enter");
    await page.waitForSelector(".events .json");
    await check(page, "event-open-light");
    await page.click("text='$errors'");
    await page.waitForSelector("text=There are no events here yet.");
    assert.match(page.url(), /channel=%24errors/);
    await page.click("main .filters >> text='All'");
    await page.locator(".events summary").first().click();
    await page.locator(".events a", { hasText: "The run it tells of" }).first().click();
    await page.waitForSelector("h1 + .badge.good");
    await page.context().close();
  }

  // A receiver fails at first; its delivery is redelivered, paused, held, released. Its secret is shown once.
  {
    await inbox("late", { status: 503, body: "come back later <b>please</b>", times: 1 });
    const page = await enterAt("#/webhooks");
    await page.click("text='Register webhook …'");
    await page.fill("dialog input[type=url]", `${base}/_local/inbox/late`);
    await page.click("dialog button.primary");
    await page.waitForURL(/#\/webhooks\/wh_/);
    await page.click("text='Send test event'");
    await page.waitForURL(/#\/webhooks\/wh_.*\/msg_/);
    await page.locator("td .badge.bad", { hasText: "HTTP 503" }).waitFor();
    await check(page, "delivery-failed-light");
    await page.click("text='Redeliver'");
    await page.waitForSelector("h1 + .badge.good");
    assert.equal(await page.locator("tbody tr").count(), 2);
    await check(page, "delivery-again-light");
    await page.click(".crumbs a[href*=wh_]");
    await page.click("text='Pause'");
    await page.locator("h1 + .badge", { hasText: "paused" }).waitFor();
    await page.click("text='Send test event'");
    await page.locator("h1 + .badge", { hasText: "held" }).waitFor();
    await page.goBack();
    await page.click("text='Resume'");
    await page.locator("h1 + .badge", { hasText: "active" }).waitFor();
    await page.click("text='Show secret …'");
    await page.click("dialog button.primary");
    await page.locator("dialog code", { hasText: "whsec_" }).waitFor();
    await check(page, "secret-light");
    await page.keyboard.press("Escape");
    await page.selectOption(".filters select", "succeeded");
    await page.locator("section tbody tr").nth(1).waitFor();
    assert.match(page.url(), /status=succeeded/);
    await page.context().close();
  }

  // A receiver that says it is gone is disabled; what died is recovered once it is back. Its secret is changed.
  {
    await inbox("gone", { status: 410, times: 1 });
    const { data: { id } } = await api("POST", "/v1/webhooks", { url: `${base}/_local/inbox/gone`, name: "Gone" });
    const { data: first } = await api("POST", `/v1/webhooks/${id}/test`, {});
    const page = await enterAt(`#/webhooks/${id}/${first.id}`);
    await page.locator("td .badge.bad", { hasText: "HTTP 410" }).waitFor();
    await page.locator("h1 + .badge", { hasText: "dead letter" }).waitFor();
    await page.goto(`${base}/console#/webhooks/${id}`);
    await page.waitForSelector(".notice.bad");
    await check(page, "webhook-disabled-light");
    await page.click("text='Resume'");
    await page.locator("h1 + .badge.good").waitFor();
    await page.click("text='Recover …'");
    await page.fill("dialog input[type=datetime-local]", new Date(Date.now() - 3_600_000).toISOString().slice(0, 16));
    await check(page, "webhook-recover-light");
    await page.click("dialog button.primary");
    await page.locator(".toast", { hasText: "1 delivery is sent again." }).waitFor();
    await page.click("text='Rotate secret …'");
    await page.click("dialog button.danger");
    await page.locator("dialog >> text=The old one signs, too").waitFor();
    await page.context().close();
  }

  // A schedule is looked at before it is kept; what is no expression is refused beside the form.
  {
    const page = await enterAt("#/schedules");
    await page.click("text='New schedule …'");
    await page.fill("dialog [list=workflows]", scene.small);
    const cron = page.locator("dialog .field", { hasText: "Cron expression" }).locator("input");
    await cron.fill("99 * * * *");
    await page.click("text='Preview'");
    await page.waitForSelector("dialog .state.bad");
    await check(page, "schedule-refused-light");
    await cron.fill("30 2 * * SUN");
    await page.fill("dialog [list=zones]", "Europe/Berlin");
    await page.click("text='Preview'");
    await page.locator("dialog tbody tr").nth(4).waitFor();
    await check(page, "schedule-new-light");
    await page.click("dialog >> text='Save'");
    await page.waitForURL(/#\/schedules\/sch_/);
    await page.locator("section tbody tr").nth(9).waitFor();
    await page.click("text='Pause'");
    await page.locator("h1 + .badge", { hasText: "paused" }).waitFor();
    await page.click("text='Delete'");
    await page.click("dialog button.danger");
    await page.waitForURL(/#\/schedules$/);
    await page.context().close();
  }

  // A source is tried out, which leaves nothing behind, and switched off.
  {
    const page = await enterAt(`#/sources/${scene.source}`);
    await page.click("text='Try out …'");
    await page.click("dialog button.primary");
    await page.locator("dialog .notice.good").waitFor();
    await check(page, "source-test-light");
    await page.keyboard.press("Escape");
    await page.click("text='Deactivate'");
    await page.click("dialog button.danger");
    await page.locator("h1 + .badge", { hasText: "inactive" }).waitFor();
    await page.context().close();
  }

  // What was pushed to a pin before can be seen.
  {
    const page = await enterAt(`#/pins/${scene.pin}`);
    await page.click("text='History'");
    await page.locator("dialog .stack > details").nth(7).waitFor();
    await check(page, "pin-history-light");
    await page.context().close();
  }
}
