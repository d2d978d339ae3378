// bybit-api, the client that most JavaScript traders of Bybit use. It throws objects without a class, or hands the body to its caller.

import { RestClientV5, WebsocketClient } from "bybit-api";

import { AMOUNT, Mailbox, numberTold, orderTold, quiet, resting, Returned } from "../place.mjs";
import { arm } from "../twice.mjs";

const category = "spot";
const symbol = "BTCUSDT";

async function result(answer) {
  const { retCode, retMsg, result } = await answer;
  if (retCode !== 0) throw new Returned(retCode, retMsg);
  return result;
}

export class Client {
  static package = "bybit-api";

  constructor(place) {
    this.place = place;
    this.rest = new RestClientV5({ key: place.key, secret: place.secret, baseUrl: place.base });
  }

  static code(error) {
    return error?.body?.retCode ?? error?.code;
  }

  async markets() {
    return (await result(this.rest.getInstrumentsInfo({ category }))).list.map((each) => each.symbol);
  }

  async balance() {
    const [account] = (await result(this.rest.getWalletBalance({ accountType: "UNIFIED" }))).list;
    return Number(account.coin.find((each) => each.coin === "USDT").walletBalance);
  }

  async ticker() {
    return Number((await result(this.rest.getTickers({ category, symbol }))).list[0].lastPrice);
  }

  async book() {
    const { b, a } = await result(this.rest.getOrderbook({ category, symbol }));
    return [Number(b[0][0]), Number(a[0][0])];
  }

  async place_order() {
    const price = String(resting(await this.ticker()));
    return (await result(this.rest.submitOrder({ category, symbol, side: "Buy", orderType: "Limit", qty: String(AMOUNT), price }))).orderId;
  }

  async open_orders() {
    return (await result(this.rest.getActiveOrders({ category, symbol }))).list.map((each) => each.orderId);
  }

  async amend_order(orderId) {
    const price = String(resting(await this.ticker()) - 10);
    await result(this.rest.amendOrder({ category, symbol, orderId, price }));
    const { list } = await result(this.rest.getActiveOrders({ category, symbol }));
    return Number(list.find((each) => each.orderId === orderId).price) === Number(price);
  }

  async cancel_order(orderId) {
    return (await result(this.rest.cancelOrder({ category, symbol, orderId }))).orderId;
  }

  async replay() {
    const price = String(resting(await this.ticker()));
    arm();
    return await result(this.rest.submitOrder({ category, symbol, side: "Buy", orderType: "Limit", qty: String(AMOUNT), price }));
  }

  #socket(path, told) {
    const socket = new WebsocketClient({ key: this.place.key, secret: this.place.secret, market: "v5", wsUrl: this.place.wsBase + path }, quiet);
    socket.on("update", told.put);
    socket.on("exception", (error) => console.error("exception", error));
    return socket;
  }

  async ticker_stream() {
    const told = new Mailbox();
    const socket = this.#socket("/v5/public/spot", told);
    try {
      socket.subscribeV5(`tickers.${symbol}`, category);
      return await numberTold(told, (message) => message.data?.lastPrice);
    } finally {
      socket.closeAll(true);
    }
  }

  async order_stream() {
    const told = new Mailbox();
    const socket = this.#socket("/v5/private", told);
    try {
      socket.subscribeV5("order", category);
      return await orderTold(this, told, (message) => message.data.map((each) => each.orderId));
    } finally {
      socket.closeAll(true);
    }
  }
}
