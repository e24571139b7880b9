// Hashes and random numbers. The random ones come from SHA-256 over a counter and a key that the host gives to each
// run: a forked process would otherwise repeat what its siblings drew.

const NAMES = { md5: "md5", sha1: "sha1", "sha-1": "sha1", sha224: "sha224", "sha-224": "sha224", sha256: "sha256", "sha-256": "sha256",
  sha384: "sha384", "sha-384": "sha384", sha512: "sha512", "sha-512": "sha512", "sha512-256": "sha512_256", "sha3-256": "sha3_256",
  "sha3-512": "sha3_512", ripemd160: "ripemd160", rmd160: "ripemd160" };

function algorithm(name) {
  const known = NAMES[rt.text(name).toLowerCase().replace(/^rsa-/, "")];
  if (!known) throw rt.coded(new Error(`Digest method not supported: ${name}`), "ERR_CRYPTO_INVALID_DIGEST");
  return rt.library("hashes")[known];
}

const bytesOf = (value, encoding = "utf8") => {
  if (typeof value === "string") return rt.Buffer.from(value, encoding === "buffer" ? "utf8" : encoding);
  if (value instanceof KeyObject) return value.bytes;
  return rt.viewOf(value);
};
const shown = (bytes, encoding) => {
  const buffer = rt.Buffer.from(bytes);
  return encoding && encoding !== "buffer" ? buffer.toString(encoding) : buffer;
};

class KeyObject {
  constructor(bytes) {
    this.type = "secret";
    rt.defineProperty(this, "bytes", { value: bytes });
  }
  export() {
    return rt.Buffer.from(this.bytes);
  }
}

class Digest {
  #state;
  #given;
  constructor(state) {
    this.#state = state;
  }
  update(value, encoding) {
    if (!this.#state) throw rt.coded(new Error("Digest already called"), "ERR_CRYPTO_HASH_FINALIZED");
    this.#state.update(bytesOf(value, encoding));
    return this;
  }
  digest(encoding) {
    if (!this.#state) throw rt.coded(new Error("Digest already called"), "ERR_CRYPTO_HASH_FINALIZED");
    const bytes = this.#state.digest();
    this.#state = null;
    return shown(bytes, encoding);
  }
  copy() {
    return new Digest(this.#state.clone());
  }
  write(value, encoding) {
    this.update(value, encoding);
    return true;
  }
  end(value, encoding) {
    if (value !== undefined) this.update(value, encoding);
    this.#given = this.digest();
  }
  read() {
    return this.#given;
  }
}

let key = null, counter = 0, pool = new Uint8Array(0), used = 0;

function seed(entropy) {
  key = Uint8Array.fromBase64(entropy);
  let [a, b, c, d] = new Uint32Array(key.buffer.slice(0, 16));
  // sfc32, for what need not be secret.
  rt.defineProperty(Math, "random", {
    value: function random() {
      const next = () => {
        const t = (((a + b) | 0) + d) | 0;
        d = (d + 1) | 0;
        a = b ^ (b >>> 9);
        b = (c + (c << 3)) | 0;
        c = ((c << 21) | (c >>> 11)) + t | 0;
        return t >>> 0;
      };
      return (next() * 2097152 + (next() >>> 11)) / 9007199254740992;
    },
    writable: true, configurable: true,
  });
}

function randomInto(bytes) {
  const { sha256 } = rt.library("hashes");
  for (let at = 0; at < bytes.length; at += 1) {
    if (used === pool.length) {
      const block = new Uint8Array(40);
      block.set(key);
      new DataView(block.buffer).setFloat64(32, (counter += 1));
      pool = sha256(block);
      used = 0;
    }
    bytes[at] = pool[used];
    used += 1;
  }
  return bytes;
}

function randomUUID() {
  const bytes = randomInto(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return bytes.toHex().replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function getRandomValues(view) {
  randomInto(rt.viewOf(view));
  return view;
}

function randomBytes(size, callback) {
  if (!(size >= 0 && size <= 1048576)) throw rt.coded(new RangeError("the size is out of range"), "ERR_OUT_OF_RANGE");
  const found = rt.Buffer.from(randomInto(new Uint8Array(size)));
  if (!callback) return found;
  queueMicrotask(() => callback(null, found));
  return undefined;
}

function randomInt(low, high, callback) {
  if (typeof high !== "number") [low, high, callback] = [0, low, high];
  const range = high - low;
  if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || !(range > 0 && range <= 2 ** 48)) throw new RangeError("the range is empty or too large");
  const limit = 2 ** 48 - (2 ** 48 % range);
  let drawn;
  do {
    const bytes = randomInto(new Uint8Array(6));
    drawn = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  } while (drawn >= limit);
  const found = low + (drawn % range);
  if (typeof callback === "function") queueMicrotask(() => callback(null, found));
  return found;
}

function timingSafeEqual(one, other) {
  const a = rt.viewOf(one), b = rt.viewOf(other);
  if (a.length !== b.length) throw rt.coded(new RangeError("Input buffers must have the same byte length"), "ERR_CRYPTO_TIMING_SAFE_EQUAL_LENGTH");
  let different = 0;
  for (let at = 0; at < a.length; at += 1) different |= a[at] ^ b[at];
  return different === 0;
}

function pbkdf2Sync(password, salt, iterations, length, digest) {
  return shown(rt.library("hashes").pbkdf2(algorithm(digest), bytesOf(password), bytesOf(salt), { c: iterations, dkLen: length }));
}

const refused = (name) => () => {
  throw rt.coded(new Error(`crypto.${name} is not available in this runtime`), "ERR_METHOD_NOT_IMPLEMENTED");
};

const HMAC_KEYS = { raw: true };
const subtle = {
  digest: async (name, bytes) => rt.viewOf(algorithm(name?.name ?? name)(rt.viewOf(bytes))).slice().buffer,
  importKey: async (form, bytes, given) => {
    const name = given?.name ?? given;
    if (!HMAC_KEYS[form] || name !== "HMAC") throw new DOMException("only raw HMAC keys are supported", "NotSupportedError");
    return { type: "secret", algorithm: { name, hash: given.hash?.name ?? given.hash }, bytes: rt.viewOf(bytes).slice() };
  },
  sign: async (_, secret, bytes) => {
    const { hmac } = rt.library("hashes");
    return hmac(algorithm(secret.algorithm.hash), secret.bytes, rt.viewOf(bytes)).slice().buffer;
  },
  verify: async (name, secret, signature, bytes) => {
    const wanted = new Uint8Array(await subtle.sign(name, secret, bytes)), given = rt.viewOf(signature);
    return wanted.length === given.length && timingSafeEqual(wanted, given);
  },
};
const webcrypto = { subtle, getRandomValues, randomUUID };

rt.seed = seed;
rt.globals.crypto = webcrypto;
rt.builtIn.crypto = () => ({
  createHash: (name) => new Digest(algorithm(name).create()),
  createHmac: (name, secret) => new Digest(rt.library("hashes").hmac.create(algorithm(name), bytesOf(secret))),
  hash: (name, value, encoding = "hex") => shown(algorithm(name)(bytesOf(value)), encoding),
  createSecretKey: (value, encoding) => new KeyObject(bytesOf(value, encoding)),
  getHashes: () => Object.keys(NAMES),
  randomBytes, randomInt, randomUUID, timingSafeEqual, getRandomValues, pbkdf2Sync, webcrypto, subtle, KeyObject,
  randomFillSync: getRandomValues,
  pbkdf2: (password, salt, iterations, length, digest, callback) =>
    queueMicrotask(() => callback(null, pbkdf2Sync(password, salt, iterations, length, digest))),
  ...Object.fromEntries(["createSign", "createVerify", "createCipheriv", "createDecipheriv", "createPrivateKey", "createPublicKey",
    "publicEncrypt", "privateDecrypt", "sign", "verify", "generateKeyPairSync", "scryptSync"].map((name) => [name, refused(name)])),
});
