// A transport that sends one request twice, so that the client itself reads what the second copy is answered.
//
// Clients over Node's own `https`, which all but one are: axios and got look `https.request` up for each request. The one other has a
// setting for its transport.

import https from "node:https";

let armed = false;

/** The next order goes out twice. */
export function arm() {
  armed = true;
}

/** Whether a request is the order that was waited for. */
export function places(method, url, body) {
  const now = armed && isOrder(method, new URL(url, "https://gateway").pathname, String(body));
  if (now) armed = false;
  return now;
}

/** One venue takes orders by GET; one is asked for market data by POST, too, and ccxt sends it more than orders. */
function isOrder(method, path, body) {
  if (method === "GET") return path.endsWith("/private/buy");
  if (path === "/exchange" || path === "/info") return body.includes('"orders"');
  return method === "POST";
}

const request = https.request;

https.request = (...told) => {
  const second = request(...told);
  if (armed) holdBack(second);
  return second;
};

/** Keeps what is written to `second` until it is whole; if it is the order, the same is sent and answered first, on another connection. */
function holdBack(second) {
  const body = [];
  const end = second.end.bind(second);
  second.write = (chunk, encoding, done) => {
    body.push(Buffer.from(chunk, typeof encoding === "string" ? encoding : undefined));
    (typeof encoding === "function" ? encoding : done)?.();
    return true;
  };
  second.end = (chunk, ...more) => {
    if (chunk && typeof chunk !== "function") second.write(chunk, ...more);
    const whole = Buffer.concat(body);
    const { method, path } = second;
    if (!places(method, path, whole)) return end(whole);
    const first = request(`https://${second.getHeader("host")}${path}`, { method, headers: second.getHeaders() });
    first.on("response", (response) => response.resume().on("end", () => end(whole)));
    first.on("error", (error) => second.destroy(error));
    first.end(whole);
    return second;
  };
}
