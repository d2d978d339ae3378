// gateio-api, the client that most JavaScript traders of Gate use. It throws objects without a class, with the venue's answer inside.

import { RestClient, WebsocketClient } from "gateio-api";

import { AMOUNT, Mailbox, numberTold, orderTold, quiet, resting } from "../place.mjs";
import { arm } from "../twice.mjs";

const currency_pair = "BTC_USDT";

export class Client {
  static package = "gateio-api";

  constructor(place) {
    this.place = place;
    this.keys = { apiKey: place.key, apiSecret: place.secret };
    this.rest = new RestClient({ ...this.keys, baseUrl: `${place.base}/api/v4` });
  }

  static code(error) {
    return error?.body?.label ?? error?.code;
  }

  async markets() {
    return (await this.rest.getSpotCurrencyPairs()).map((each) => each.id);
  }

  async balance() {
    return Number((await this.rest.getSpotAccounts()).find((each) => each.currency === "USDT").available);
  }

  async ticker() {
    return Number((await this.rest.getSpotTicker({ currency_pair }))[0].last);
  }

  async book() {
    const { bids, asks } = await this.rest.getSpotOrderBook({ currency_pair });
    return [Number(bids[0][0]), Number(asks[0][0])];
  }

  async #order() {
    const price = String(resting(await this.ticker()));
    return { currency_pair, side: "buy", type: "limit", amount: String(AMOUNT), price, time_in_force: "gtc", text: `t-${Date.now()}` };
  }

  async place_order() {
    return (await this.rest.submitSpotOrder(await this.#order())).id;
  }

  async open_orders() {
    const pairs = await this.rest.getSpotOpenOrders();
    return pairs.flatMap((pair) => pair.orders.map((each) => each.id));
  }

  async amend_order(order_id) {
    const price = String(resting(await this.ticker()) - 10);
    await this.rest.updateSpotOrder({ order_id, currency_pair, price });
    return Number((await this.rest.getSpotOrder({ order_id, currency_pair })).price) === Number(price);
  }

  async cancel_order(order_id) {
    return (await this.rest.cancelSpotOrder({ order_id, currency_pair })).id;
  }

  async replay() {
    const order = await this.#order();
    arm();
    return (await this.rest.submitSpotOrder(order)).id;
  }

  #socket(told) {
    const socket = new WebsocketClient({ ...this.keys, wsUrl: `${this.place.wsBase}/ws/v4/` }, quiet);
    socket.on("update", told.put);
    socket.on("exception", (error) => console.error("exception", error));
    return socket;
  }

  async ticker_stream() {
    const told = new Mailbox();
    const socket = this.#socket(told);
    try {
      socket.subscribe({ topic: "spot.tickers", payload: [currency_pair] }, "spotV4");
      return await numberTold(told, (message) => message.result?.last);
    } finally {
      socket.closeAll(true);
    }
  }

  async order_stream() {
    const told = new Mailbox();
    const socket = this.#socket(told);
    try {
      socket.subscribe({ topic: "spot.orders", payload: [currency_pair] }, "spotV4");
      return await orderTold(this, told, (message) => (Array.isArray(message.result) ? message.result.map((each) => each.id) : []));
    } finally {
      socket.closeAll(true);
    }
  }
}
