// `binance` with USD-M futures: its USDMClient, and the stream of a future.

import { USDMClient, WebsocketClient } from "binance";

import { AMOUNT, Mailbox, numberTold, orderTold, quiet, resting } from "../place.mjs";
import { arm } from "../twice.mjs";

export class Client {
  static package = "binance";

  constructor(place) {
    this.place = place;
    this.rest = new USDMClient({ api_key: place.key, api_secret: place.secret, baseUrl: place.base });
  }

  static code(error) {
    return error?.code;
  }

  async markets() {
    return (await this.rest.getExchangeInfo()).symbols.map((each) => each.symbol);
  }

  /** The future that is listed. */
  async #symbol() {
    this.symbol ??= (await this.markets())[0];
    return this.symbol;
  }

  async balance() {
    return Number((await this.rest.getBalanceV3()).find((each) => each.asset === "USDT").availableBalance);
  }

  async ticker() {
    return Number((await this.rest.get24hrChangeStatistics({ symbol: await this.#symbol() })).lastPrice);
  }

  async book() {
    const { bids, asks } = await this.rest.getOrderBook({ symbol: await this.#symbol(), limit: 5 });
    return [Number(bids[0][0]), Number(asks[0][0])];
  }

  async #order() {
    const symbol = await this.#symbol();
    return { symbol, side: "BUY", type: "LIMIT", timeInForce: "GTC", quantity: AMOUNT, price: resting(await this.ticker()) };
  }

  async place_order() {
    return String((await this.rest.submitNewOrder(await this.#order())).orderId);
  }

  async open_orders() {
    return (await this.rest.getAllOpenOrders({ symbol: await this.#symbol() })).map((each) => String(each.orderId));
  }

  async cancel_order(orderId) {
    return (await this.rest.cancelOrder({ symbol: await this.#symbol(), orderId: Number(orderId) })).status === "CANCELED";
  }

  async amend_order(orderId) {
    const { side, price, symbol } = await this.#order();
    const changed = await this.rest.modifyOrder({ symbol, side, price, orderId: Number(orderId), quantity: 2 * AMOUNT });
    return Number(changed.origQty) === 2 * AMOUNT && String(changed.orderId) === orderId;
  }

  async replay() {
    const order = await this.#order();
    arm();
    return await this.rest.submitNewOrder(order);
  }

  async ticker_stream() {
    const told = new Mailbox();
    const symbol = await this.#symbol();
    const socket = new WebsocketClient({ wsUrl: this.place.wsBase }, quiet);
    socket.on("message", told.put);
    socket.on("exception", (error) => console.error("exception", error));
    try {
      await socket.subscribe(`${symbol.toLowerCase()}@ticker`, "usdm");
      return await numberTold(told, (message) => message.c ?? message.data?.c);
    } finally {
      socket.closeAll(true);
    }
  }

  /** It asks for a listen key by itself. */
  async order_stream() {
    const told = new Mailbox();
    const keys = { api_key: this.place.key, api_secret: this.place.secret, restOptions: { baseUrl: this.place.base } };
    const socket = new WebsocketClient({ ...keys, wsUrl: this.place.wsBase }, quiet);
    socket.on("message", told.put);
    socket.on("exception", (error) => console.error("exception", error));
    try {
      await socket.subscribeUsdFuturesUserDataStream();
      return await orderTold(this, told, (message) => [message.o?.i]);
    } finally {
      socket.closeAll(true);
    }
  }
}
