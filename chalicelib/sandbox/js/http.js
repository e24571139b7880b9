// Node's http and https over the same way out: enough for libraries that call an API with them.

function optionsFrom(list, protocol) {
  const callback = typeof list.at(-1) === "function" ? list.at(-1) : undefined;
  const [first, second] = list.filter((one) => typeof one !== "function");
  const fromUrl = (url) => ({ protocol: url.protocol, hostname: url.hostname, port: url.port, path: url.pathname + url.search, auth: url.username ? `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}` : undefined });
  const url = typeof first === "string" ? new rt.globals.URL(first) : first instanceof rt.globals.URL ? first : null;
  return [{ protocol, ...(url ? fromUrl(url) : first), ...(second ?? {}) }, callback];
}

function makeModule(protocol) {
  const { Writable, Readable } = rt.external("stream");

  class IncomingMessage extends Readable {
    constructor(found) {
      super({ read() {} });
      rt.assign(this, { statusCode: found.status, statusMessage: rt.reasons[found.status] ?? "", headers: found.headers, url: found.url, httpVersion: "1.1", complete: true });
      this.rawHeaders = rt.entries(found.headers).flat();
      const bytes = found.bytes ?? (found.text ? rt.utf8Bytes(found.text) : null);
      if (bytes) this.push(rt.Buffer.from(bytes));
      this.push(null);
    }
    setTimeout() {
      return this;
    }
  }

  class ClientRequest extends Writable {
    #parts = [];
    #headers = {};
    #controller = new rt.globals.AbortController();
    constructor(options, callback) {
      super();
      this.options = options;
      this.method = rt.text(options.method ?? "GET").toUpperCase();
      this.path = options.path ?? "/";
      for (const [name, value] of rt.entries(options.headers ?? {})) this.setHeader(name, value);
      if (options.auth) this.setHeader("authorization", `Basic ${rt.Buffer.from(options.auth).toString("base64")}`);
      if (callback) this.once("response", callback);
      options.signal?.addEventListener("abort", () => this.abort());
    }
    setHeader(name, value) {
      if (value !== undefined) this.#headers[name.toLowerCase()] = Array.isArray(value) ? value.join(", ") : rt.text(value);
      return this;
    }
    getHeader(name) {
      return this.#headers[name.toLowerCase()];
    }
    removeHeader(name) {
      delete this.#headers[name.toLowerCase()];
    }
    setTimeout(ms, callback) {
      this.timeout = ms;
      if (callback) this.once("timeout", callback);
      return this;
    }
    setNoDelay() {}
    setSocketKeepAlive() {}
    flushHeaders() {}
    abort() {
      this.#controller.abort();
      this.destroy();
    }
    _write(chunk, _, done) {
      this.#parts.push(rt.Buffer.from(chunk));
      done();
    }
    _final(done) {
      done();
      this.#send().then((found) => {
        const message = new IncomingMessage(found);
        if (!this.emit("response", message)) message.resume();
      }, (error) => {
        if (error.code === "ETIMEDOUT") this.emit("timeout");
        this.emit("error", error);
      });
    }
    #send() {
      const { protocol, hostname, host, port } = this.options;
      const authority = (hostname ?? host ?? "localhost") + (port ? `:${port}` : "");
      const { host: _, connection: __, "content-length": ___, "transfer-encoding": ____, ...headers } = this.#headers;
      const bytes = this.#parts.length ? rt.Buffer.concat(this.#parts) : undefined;
      return rt.perform({ method: this.method, url: `${protocol}//${authority}${this.path}`, headers: rt.entries(headers), bytes, redirects: 0, timeout: this.timeout, signal: this.#controller.signal });
    }
  }

  class Agent {
    constructor(options = {}) {
      this.options = options;
    }
    destroy() {}
  }
  const request = (...list) => new ClientRequest(...optionsFrom(list, protocol));
  return {
    request, ClientRequest, IncomingMessage, Agent, globalAgent: new Agent(), METHODS: ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"], STATUS_CODES: rt.reasons,
    get: (...list) => {
      const made = request(...list);
      made.end();
      return made;
    },
    createServer: () => {
      throw new Error("a component cannot listen; use an HTTP interface");
    },
  };
}

rt.builtIn.http = () => makeModule("http:");
rt.builtIn.https = () => makeModule("https:");
