// axios and the modules of the platform whose components run here.

class ConfigurationError extends Error {
  constructor(message) {
    super(message);
    this.name = "ConfigurationError";
  }
}

const plainHeaders = (headers) => {
  const found = [];
  for (const [name, value] of rt.entries(headers ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    found.push([name.toLowerCase(), Array.isArray(value) ? value.join(", ") : rt.text(value)]);
  }
  return found;
};

const REFUSED_HEADERS = new Set(["host", "connection", "content-length", "transfer-encoding", "keep-alive", "upgrade", "te", "trailer"]);

// axios' way out. Everything else about it is its own.
async function adapter(config) {
  const axios = rt.library("axios");
  const url = axios.getUri({ ...config, url: combined(config.baseURL, config.url) });
  if (!/^https?:/i.test(url)) throw new axios.AxiosError(`Invalid URL: ${url}`, "ERR_INVALID_URL", config);
  const headers = plainHeaders(config.headers.toJSON ? config.headers.toJSON() : config.headers).filter(([name]) => !REFUSED_HEADERS.has(name));
  if (config.auth) {
    const { username = "", password = "" } = config.auth;
    const at = headers.findIndex(([name]) => name === "authorization");
    if (at >= 0) headers.splice(at, 1);
    headers.push(["authorization", `Basic ${rt.Buffer.from(`${username}:${password}`).toString("base64")}`]);
  }
  const { text, bytes, type } = await rt.bodyFrom(config.data);
  if (type?.startsWith("multipart/")) headers.splice(0, headers.length, ...headers.filter(([name]) => name !== "content-type"), ["content-type", type]);
  const signal = config.signal ?? config.cancelToken?.toAbortSignal?.();
  const request = { method: rt.text(config.method ?? "get").toUpperCase(), url, headers };
  let found;
  try {
    const timeout = config.timeout > 0 ? config.timeout : undefined;
    found = await rt.perform({ ...request, text, bytes, redirects: config.maxRedirects ?? 10, timeout, signal });
  } catch (error) {
    if (signal?.aborted) throw new axios.CanceledError(undefined, config, request);
    throw axios.AxiosError.from(error, error.code === "ETIMEDOUT" && config.timeout ? "ECONNABORTED" : error.code, config, request);
  }
  const response = {
    data: dataFor(config.responseType, found), status: found.status, statusText: rt.reasons[found.status] ?? "",
    headers: axios.AxiosHeaders.from(found.headers), config, request: { ...request, path: new rt.globals.URL(url).pathname, res: { responseUrl: found.url } },
  };
  const accepts = config.validateStatus;
  if (!response.status || !accepts || accepts(response.status)) return response;
  const code = response.status >= 500 ? axios.AxiosError.ERR_BAD_RESPONSE : axios.AxiosError.ERR_BAD_REQUEST;
  throw new axios.AxiosError(`Request failed with status code ${response.status}`, code, config, response.request, response);
}

const combined = (base, url = "") => (base && !/^([a-z][a-z\d+\-.]*:)?\/\//i.test(url) ? (url ? `${base.replace(/\/+$/, "")}/${url.replace(/^\/+/, "")}` : base) : url);

function dataFor(type, { text, bytes }) {
  const raw = () => rt.Buffer.from(bytes ?? rt.utf8Bytes(text ?? ""));
  if (type === "arraybuffer") return raw();
  if (type === "stream") return rt.external("stream").Readable.from([raw()], { objectMode: false });
  if (type === "blob") return new rt.globals.Blob([raw()]);
  return text ?? (bytes ? rt.utf8Text(bytes) : "");
}

const dropEmpty = (object) => {
  if (typeof object !== "object" || object === null || rt.getPrototypeOf(object) !== Object.prototype) return object;
  return Object.fromEntries(rt.entries(object).filter(([, value]) => value !== undefined));
};

async function platformAxios(context, config, signConfig) {
  if (typeof config !== "object" || config === null) throw new ConfigurationError("axios needs a configuration object");
  if (config.body !== undefined) {
    throw new ConfigurationError("unexpected body, use `data` instead of `body` for the request's content");
  }
  if (signConfig) throw new ConfigurationError("signing requests with OAuth 1.0 is not available in this runtime");
  const { debug, returnFullResponse, ...rest } = config;
  if (rest.headers) rest.headers = dropEmpty(rest.headers);
  if (rest.params) rest.params = dropEmpty(rest.params);
  if (rest.data) rest.data = dropEmpty(rest.data);
  try {
    const response = await rt.library("axios")(rest);
    if (debug) context?.export?.("debug_response", response.data);
    return returnFullResponse ? response : response.data;
  } catch (error) {
    if (error.response) {
      if (debug) context?.export?.("debug_response", error.response.data);
      error.message = `${error.message}: ${described(error.response.data)}`;
    }
    throw error;
  }
}

const described = (data) => {
  const text = typeof data === "string" ? data : rt.inspect(data, { depth: 6 });
  return text.length > 2000 ? `${text.slice(0, 2000)}...` : text;
};

function jsonStringify(value, space) {
  const seen = new WeakSet();
  return rt.stringify(value, (_, one) => {
    if (typeof one === "bigint") return rt.text(one);
    if (typeof one !== "object" || one === null) return one;
    if (seen.has(one)) return "[Circular]";
    seen.add(one);
    return one;
  }, space);
}

async function getFileStream(path) {
  const name = rt.text(path);
  if (!/^https?:/i.test(name)) return rt.external("fs").createReadStream(name);
  const response = await platformAxios(null, { url: name, responseType: "stream", returnFullResponse: true });
  return response.data;
}

async function getFileStreamAndMetadata(path) {
  const name = rt.text(path), short = name.split(/[?#]/)[0].split("/").pop();
  const contentType = rt.external("mime").getType(short) ?? undefined;
  if (!/^https?:/i.test(name)) {
    const { size } = rt.external("fs").statSync(name);
    return { stream: await getFileStream(name), metadata: { size, name: short, contentType } };
  }
  const { data, headers } = await platformAxios(null, { url: name, responseType: "stream", returnFullResponse: true });
  return { stream: data, metadata: { size: +headers["content-length"] || undefined, name: short, contentType: headers["content-type"] ?? contentType, etag: headers.etag } };
}

const identity = (definition) => definition;
const makers = { defineSource: identity, defineApp: identity, defineAction: identity, defineComponent: identity };
const sqlProxy = { methods: { getClientConfiguration: () => ({}), proxyAdapter: (query) => ({ query: query?.sql ?? query?.query, params: query?.values ?? query?.params ?? [] }) } };

const platform = {
  axios: rt.assign(platformAxios, { get: (config) => platformAxios(null, config) }),
  ConfigurationError, jsonStringify, getFileStream, getFileStreamAndMetadata,
  DEFAULT_POLLING_SOURCE_TIMER_INTERVAL: 15 * 60,
  transformConfigForOauth: (config) => ({ ...config, url: config.url ?? "", method: config.method ?? "get", data: config.data ?? {} }),
  sqlProp: { type: "sql", label: "SQL Query", description: "The query to run" },
  sqlProxy,
  cloneSafe: (value) => rt.parse(jsonStringify(value) ?? "null"),
  removeNullish: (object) => Object.fromEntries(rt.entries(object ?? {}).filter(([, value]) => value !== undefined && value !== null)),
  sendTypeMap: {}, SendPayload: class {}, ...makers,
};

rt.platform = platform;
rt.builtIn["@pipedream/platform"] = () => platform;
rt.builtIn["@pipedreamhq/platform"] = rt.builtIn["@pipedream/platform"];
rt.builtIn["@pipedream/types"] = () => ({ ...makers });
rt.builtIn["@pipedream/helpers"] = () => ({ ...makers });
rt.globals.defineComponent = identity;

const preload = rt.preload;
rt.preload = (name) => {
  preload(name);
  if (name === "axios") {
    const axios = rt.library("axios");
    axios.defaults.adapter = adapter;
    axios.defaults.headers.common["User-Agent"] = "penstock";
    axios.default = axios;
  }
};
