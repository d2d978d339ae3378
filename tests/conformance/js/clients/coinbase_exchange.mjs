// coinbase-api, Exchange: key, passphrase and secret. It throws objects without a class.

import { CBExchangeClient, WebsocketClient } from "coinbase-api";

import { AMOUNT, Mailbox, numberTold, orderTold, quiet, resting } from "../place.mjs";
import { arm } from "../twice.mjs";

const product_id = "BTC-USDT";

export class Client {
  static package = "coinbase-api";

  constructor(place) {
    this.place = place;
    this.keys = { apiKey: place.key, apiSecret: place.secret, apiPassphrase: place.record.passphrase };
    this.rest = new CBExchangeClient({ ...this.keys, baseUrl: place.base });
  }

  static code(error) {
    return error?.code;
  }

  async markets() {
    return (await this.rest.getAllTradingPairs()).map((each) => each.id);
  }

  async balance() {
    return Number((await this.rest.getAccounts()).find((each) => each.currency === "USDT").balance);
  }

  async ticker() {
    return Number((await this.rest.getProductTicker({ product_id })).price);
  }

  async book() {
    const { bids, asks } = await this.rest.getProductBook({ product_id, level: 1 });
    return [Number(bids[0][0]), Number(asks[0][0])];
  }

  async #order() {
    return { type: "limit", side: "buy", product_id, size: String(AMOUNT), price: String(resting(await this.ticker())) };
  }

  async place_order() {
    return (await this.rest.submitOrder(await this.#order())).id;
  }

  async open_orders() {
    return (await this.rest.getOrders({ product_id, status: ["open"], limit: 100 })).map((each) => each.id);
  }

  async cancel_order(order_id) {
    await this.rest.cancelOrder({ order_id, product_id });
    return true;
  }

  async replay() {
    const order = await this.#order();
    arm();
    return (await this.rest.submitOrder(order)).id;
  }

  #socket(told) {
    const socket = new WebsocketClient({ ...this.keys, wsUrl: `${this.place.wsBase}/coinbase-exchange/ws` }, quiet);
    socket.on("update", told.put);
    socket.on("exception", (error) => console.error("exception", error));
    return socket;
  }

  async ticker_stream() {
    const told = new Mailbox();
    const socket = this.#socket(told);
    try {
      socket.subscribe({ topic: "ticker", payload: { product_ids: [product_id] } }, "exchangeMarketData");
      return await numberTold(told, (message) => message.price);
    } finally {
      socket.closeAll(true);
    }
  }

  async order_stream() {
    const told = new Mailbox();
    const socket = this.#socket(told);
    try {
      socket.subscribe({ topic: "user", payload: { product_ids: [product_id] } }, "exchangeDirectMarketData");
      return await orderTold(this, told, (message) => [message.order_id, message.maker_order_id]);
    } finally {
      socket.closeAll(true);
    }
  }
}
