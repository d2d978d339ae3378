// ccxt in JavaScript: the REST and the WebSocket class of one exchange, which the record names.

import ccxt from "ccxt";

import { AMOUNT, Mailbox, orderTold, resting } from "../place.mjs";
import { arm, places } from "../twice.mjs";

/** The same tree of URLs with another scheme and host; path suffixes stay. */
function rewritten(urls, place) {
  if (typeof urls === "object" && urls !== null) {
    return Object.fromEntries(Object.entries(urls).map(([name, url]) => [name, rewritten(url, place)]));
  }
  if (typeof urls !== "string" || !urls.includes("://")) return urls;
  const [scheme, rest] = urls.split("://");
  return (scheme.startsWith("ws") ? place.wsBase : place.base) + (rest.includes("/") ? rest.slice(rest.indexOf("/")) : "");
}

/** Sends an order twice when told so; the setting is ccxt's own. */
async function fetchTwice(url, options) {
  if (places(options.method, url, options.body)) await (await fetch(url, options)).arrayBuffer();
  return await fetch(url, options);
}

export class Client {
  static package = "ccxt";

  constructor(place) {
    const { cls, ws, options } = place.record;
    const keys = place.record.private_key
      ? { walletAddress: place.key, privateKey: place.secret }
      : { apiKey: place.key, secret: place.secret, password: place.record.passphrase };
    this.make = (more) => {
      const made = new ccxt.pro[cls]({ ...keys, enableRateLimit: false, timeout: 20_000, options: options ?? {}, ...more });
      made.urls.api = rewritten(made.urls.api, place);
      // Two venues open their WebSocket where another one does: on a port for all they have a path of their own.
      if (ws) made.urls.api.ws = rewritten(ws, place);
      return made;
    };
    this.exchange = this.make({});
    this.depth = place.record.depth ?? undefined;
    this.loginFirst = place.record.login_first;
  }

  static code() {
    return "";
  }

  async close() {
    await this.exchange.close();
  }

  async markets() {
    return Object.keys(await this.exchange.loadMarkets());
  }

  /** The spot pair as this class spells it; where only contracts are listed, the one there is. */
  async symbol() {
    const names = await this.markets();
    return ["BTC/USDT", "BTC/USDC", "BTC/USD"].find((name) => names.includes(name)) ?? names[0];
  }

  async balance() {
    const { total } = await this.exchange.fetchBalance();
    return total.USDT ?? total.USDC ?? total.USD;
  }

  async ticker() {
    return (await this.exchange.fetchTicker(await this.symbol())).last;
  }

  async book() {
    const { bids, asks } = await this.exchange.fetchOrderBook(await this.symbol());
    return [bids[0][0], asks[0][0]];
  }

  async place_order() {
    return await this.#order(this.exchange, resting(await this.ticker()));
  }

  async #order(exchange, price) {
    const symbol = await this.symbol();
    return (await exchange.createOrder(symbol, "limit", "buy", AMOUNT, Number(exchange.priceToPrecision(symbol, price)))).id;
  }

  async open_orders() {
    return (await this.exchange.fetchOpenOrders(await this.symbol())).map((each) => each.id);
  }

  async cancel_order(order) {
    await this.exchange.cancelOrder(order, await this.symbol());
    return true;
  }

  async replay() {
    const price = resting(await this.ticker());
    const twice = this.make({ fetchImplementation: fetchTwice });
    twice.setMarketsFromExchange(this.exchange);
    arm();
    return await this.#order(twice, price);
  }

  async ticker_stream() {
    return (await this.exchange.watchTicker(await this.symbol())).last;
  }

  async book_stream() {
    const { bids, asks } = await this.exchange.watchOrderBook(await this.symbol(), this.depth);
    return [bids[0][0], asks[0][0]];
  }

  /** Where requests and the login of a WebSocket count one nonce up, a request that overtakes the login has it refused. */
  async #loggedIn() {
    await this.exchange.authenticate();
    await Promise.all(Object.values(this.exchange.clients).map((each) => each.connected));
  }

  async order_stream() {
    const told = new Mailbox();
    const symbol = await this.symbol();
    const watching = { now: true };
    const watched = (async () => {
      while (watching.now) told.put(await this.exchange.watchOrders(symbol));
    })();
    try {
      if (this.loginFirst) await this.#loggedIn();
      return await Promise.race([orderTold(this, told, (orders) => orders.map((each) => each.id)), watched]);
    } finally {
      watching.now = false;
      // What is still awaited ends with the connection.
      watched.catch(() => {});
    }
  }
}
