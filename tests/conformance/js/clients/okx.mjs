// okx-api, the client that most JavaScript traders of OKX use. It throws the venue's answer, an object without a class.

import { RestClient, WebsocketClient } from "okx-api";

import { AMOUNT, Mailbox, numberTold, orderTold, quiet, resting } from "../place.mjs";
import { arm } from "../twice.mjs";

const instId = "BTC-USDT";

export class Client {
  static package = "okx-api";

  constructor(place) {
    this.place = place;
    this.keys = { apiKey: place.key, apiSecret: place.secret, apiPass: place.record.passphrase };
    this.rest = new RestClient({ ...this.keys, baseUrl: place.base });
  }

  static code(error) {
    return error?.data?.[0]?.sCode ?? error?.code;
  }

  async markets() {
    return (await this.rest.getInstruments({ instType: "SPOT" })).map((each) => each.instId);
  }

  async balance() {
    const [{ details }] = await this.rest.getBalance();
    return Number(details.find((each) => each.ccy === "USDT").eq);
  }

  async ticker() {
    return Number((await this.rest.getTicker({ instId }))[0].last);
  }

  async book() {
    const [{ bids, asks }] = await this.rest.getOrderBook({ instId, sz: "5" });
    return [Number(bids[0][0]), Number(asks[0][0])];
  }

  async #order() {
    return { instId, tdMode: "cash", side: "buy", ordType: "limit", sz: String(AMOUNT), px: String(resting(await this.ticker())) };
  }

  async place_order() {
    return (await this.rest.submitOrder(await this.#order()))[0].ordId;
  }

  async open_orders() {
    return (await this.rest.getOrderList({ instType: "SPOT" })).map((each) => each.ordId);
  }

  async amend_order(ordId) {
    const newPx = String(resting(await this.ticker()) - 10);
    await this.rest.amendOrder({ instId, ordId, newPx });
    return Number((await this.rest.getOrderDetails({ instId, ordId }))[0].px) === Number(newPx);
  }

  async cancel_order(ordId) {
    return (await this.rest.cancelOrder({ instId, ordId }))[0].ordId;
  }

  async replay() {
    const order = await this.#order();
    arm();
    return (await this.rest.submitOrder(order))[0].ordId;
  }

  #socket(path, told, more) {
    const socket = new WebsocketClient({ ...more, wsUrl: this.place.wsBase + path }, quiet);
    socket.on("update", told.put);
    socket.on("exception", (error) => console.error("exception", error));
    return socket;
  }

  async ticker_stream() {
    const told = new Mailbox();
    const socket = this.#socket("/ws/v5/public", told, {});
    try {
      socket.subscribe({ channel: "tickers", instId });
      return await numberTold(told, (message) => message.data?.[0]?.last);
    } finally {
      socket.closeAll(true);
    }
  }

  async order_stream() {
    const told = new Mailbox();
    const socket = this.#socket("/ws/v5/private", told, { accounts: [this.keys] });
    try {
      socket.subscribe({ channel: "orders", instType: "SPOT" });
      return await orderTold(this, told, (message) => message.data.map((each) => each.ordId));
    } finally {
      socket.closeAll(true);
    }
  }
}
