// EventTarget and what is built upon it, and timers as globals.

class Event {
  constructor(type, { bubbles = false, cancelable = false } = {}) {
    rt.assign(this, { type: rt.text(type), bubbles, cancelable, defaultPrevented: false, target: null, currentTarget: null, timeStamp: performance.now() });
  }
  preventDefault() {
    if (this.cancelable) this.defaultPrevented = true;
  }
  stopPropagation() {}
  stopImmediatePropagation() {
    rt.defineProperty(this, "_stopped", { value: true });
  }
}

class CustomEvent extends Event {
  constructor(type, options = {}) {
    super(type, options);
    this.detail = options.detail ?? null;
  }
}

class EventTarget {
  #listeners = new Map();
  addEventListener(type, listener, options) {
    if (listener === null || listener === undefined) return;
    const once = typeof options === "object" && options?.once === true;
    const all = this.#listeners.get(type) ?? [];
    if (!all.some((one) => one.listener === listener)) this.#listeners.set(type, [...all, { listener, once }]);
  }
  removeEventListener(type, listener) {
    this.#listeners.set(type, (this.#listeners.get(type) ?? []).filter((one) => one.listener !== listener));
  }
  dispatchEvent(event) {
    event.target = event.currentTarget = this;
    const handler = this[`on${event.type}`];
    if (typeof handler === "function") handler.call(this, event);
    for (const { listener, once } of this.#listeners.get(event.type) ?? []) {
      if (event._stopped) break;
      if (once) this.removeEventListener(event.type, listener);
      if (typeof listener === "function") listener.call(this, event);
      else listener.handleEvent(event);
    }
    return !event.defaultPrevented;
  }
}

const makeSignal = Symbol();
const abort = Symbol();

class AbortSignal extends EventTarget {
  onabort = null;
  constructor(key) {
    super();
    if (key !== makeSignal) throw new TypeError("Illegal constructor");
    this.aborted = false;
    this.reason = undefined;
  }
  throwIfAborted() {
    if (this.aborted) throw this.reason;
  }
  [abort](reason = new DOMException("This operation was aborted", "AbortError")) {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.dispatchEvent(new Event("abort"));
  }
  static abort(reason) {
    const signal = new AbortSignal(makeSignal);
    signal[abort](reason);
    return signal;
  }
  static timeout(ms) {
    const signal = new AbortSignal(makeSignal);
    rt.addTimer(() => signal[abort](new DOMException("The operation was aborted due to timeout", "TimeoutError")), ms, []);
    return signal;
  }
  static any(signals) {
    const made = new AbortSignal(makeSignal);
    for (const one of signals) {
      if (one.aborted) made[abort](one.reason);
      else one.addEventListener("abort", () => made[abort](one.reason), { once: true });
    }
    return made;
  }
}

class AbortController {
  signal = new AbortSignal(makeSignal);
  abort(reason) {
    this.signal[abort](reason);
  }
}

class Timeout {
  constructor(id) {
    rt.defineProperty(this, "id", { value: id });
  }
  ref() {
    return this;
  }
  unref() {
    return this;
  }
  hasRef() {
    return true;
  }
  close() {
    rt.removeTimer(this);
  }
  refresh() {
    return this;
  }
  [Symbol.toPrimitive]() {
    return this.id;
  }
}

const setTimeout = (callback, ms, ...list) => new Timeout(rt.addTimer(callback, ms, list, false));
const setInterval = (callback, ms, ...list) => new Timeout(rt.addTimer(callback, ms, list, true));
const setImmediate = (callback, ...list) => new Timeout(rt.addTimer(callback, 0, list, false));
const clearTimeout = (handle) => {
  if (handle !== undefined && handle !== null) rt.removeTimer(handle);
};

rt.assign(rt.globals, {
  Event, CustomEvent, EventTarget, AbortSignal, AbortController, setTimeout, setInterval, setImmediate,
  clearTimeout, clearInterval: clearTimeout, clearImmediate: clearTimeout,
});
