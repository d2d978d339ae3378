// `binance`, the client that most JavaScript traders of Binance use. It throws objects without a class.

import { MainClient, WebsocketAPIClient, WebsocketClient } from "binance";

import { AMOUNT, Mailbox, numberTold, orderTold, quiet, resting } from "../place.mjs";
import { arm } from "../twice.mjs";

const symbol = "BTCUSDT";

export class Client {
  static package = "binance";

  constructor(place) {
    this.place = place;
    this.keys = { api_key: place.key, api_secret: place.secret };
    this.rest = new MainClient({ ...this.keys, baseUrl: place.base });
  }

  static code(error) {
    return error?.code;
  }

  async markets() {
    return (await this.rest.getExchangeInfo()).symbols.map((each) => each.symbol);
  }

  async balance() {
    return Number((await this.rest.getAccountInformation()).balances.find((each) => each.asset === "USDT").free);
  }

  async ticker() {
    return Number((await this.rest.get24hrChangeStatistics({ symbol })).lastPrice);
  }

  async book() {
    const { bids, asks } = await this.rest.getOrderBook({ symbol, limit: 5 });
    return [Number(bids[0][0]), Number(asks[0][0])];
  }

  async #order() {
    return { symbol, side: "BUY", type: "LIMIT", timeInForce: "GTC", quantity: AMOUNT, price: resting(await this.ticker()) };
  }

  async place_order() {
    return String((await this.rest.submitNewOrder(await this.#order())).orderId);
  }

  async open_orders() {
    return (await this.rest.getOpenOrders({ symbol })).map((each) => String(each.orderId));
  }

  async cancel_order(orderId) {
    return (await this.rest.cancelOrder({ symbol, orderId: Number(orderId) })).status === "CANCELED";
  }

  async replay() {
    const order = await this.#order();
    arm();
    return await this.rest.submitNewOrder(order);
  }

  async ticker_stream() {
    const told = new Mailbox();
    const socket = new WebsocketClient({ wsUrl: this.place.wsBase }, quiet);
    socket.on("message", told.put);
    socket.on("exception", (error) => console.error("exception", error));
    try {
      await socket.subscribe(`${symbol.toLowerCase()}@ticker`, "main");
      return await numberTold(told, (message) => message.c ?? message.data?.c);
    } finally {
      socket.closeAll(true);
    }
  }

  async order_stream() {
    const told = new Mailbox();
    const socket = new WebsocketAPIClient({ ...this.keys, wsUrl: this.place.wsBase, attachEventListeners: false }, quiet);
    socket.getWSClient().on("message", told.put);
    socket.getWSClient().on("exception", (error) => console.error("exception", error));
    try {
      await socket.subscribeUserDataStream("mainWSAPI");
      return await orderTold(this, told, (message) => [(message.event ?? message).i]);
    } finally {
      socket.getWSClient().closeAll(true);
    }
  }
}
