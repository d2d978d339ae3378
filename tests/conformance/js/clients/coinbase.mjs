// coinbase-api, Advanced Trade: each request carries a token of its own. It throws objects without a class.

import { CBAdvancedTradeClient, WebsocketClient } from "coinbase-api";

import { AMOUNT, Mailbox, numberTold, orderTold, quiet, resting, Returned } from "../place.mjs";
import { arm } from "../twice.mjs";

const product_id = "BTC-USDT";

function placed({ success, success_response, error_response }) {
  if (!success) throw new Returned(error_response.error, error_response.message);
  return success_response.order_id;
}

export class Client {
  static package = "coinbase-api";

  constructor(place) {
    this.place = place;
    this.keys = { apiKey: place.key, apiSecret: place.secret };
    this.rest = new CBAdvancedTradeClient({ ...this.keys, baseUrl: place.base });
  }

  static code(error) {
    return error?.code;
  }

  async markets() {
    return (await this.rest.getPublicProducts({})).products.map((each) => each.product_id);
  }

  async balance() {
    const { accounts } = await this.rest.getAccounts();
    return Number(accounts.find((each) => each.currency === "USDT").available_balance.value);
  }

  async ticker() {
    return Number((await this.rest.getProduct({ product_id })).price);
  }

  async book() {
    const { bids, asks } = (await this.rest.getProductBook({ product_id })).pricebook;
    return [Number(bids[0].price), Number(asks[0].price)];
  }

  async #order() {
    const limit_limit_gtc = { base_size: String(AMOUNT), limit_price: String(resting(await this.ticker())) };
    return { client_order_id: this.rest.generateNewOrderId(), product_id, side: "BUY", order_configuration: { limit_limit_gtc } };
  }

  async place_order() {
    return placed(await this.rest.submitOrder(await this.#order()));
  }

  async open_orders() {
    return (await this.rest.getOrders({ order_status: ["OPEN"] })).orders.map((each) => each.order_id);
  }

  async amend_order(order_id) {
    const price = String(resting(await this.ticker()) - 10);
    const { success, error_response } = await this.rest.updateOrder({ order_id, price, size: String(AMOUNT) });
    if (!success) throw new Returned(error_response?.edit_failure_reason);
    const { order } = await this.rest.getOrder({ order_id });
    return Number(order.order_configuration.limit_limit_gtc.limit_price) === Number(price);
  }

  async cancel_order(order) {
    return (await this.rest.cancelOrders({ order_ids: [order] })).results[0].success;
  }

  async replay() {
    const order = await this.#order();
    arm();
    return placed(await this.rest.submitOrder(order));
  }

  #socket(told) {
    const socket = new WebsocketClient({ ...this.keys, wsUrl: this.place.wsBase }, quiet);
    socket.on("update", told.put);
    socket.on("exception", (error) => console.error("exception", error));
    return socket;
  }

  async ticker_stream() {
    const told = new Mailbox();
    const socket = this.#socket(told);
    try {
      socket.subscribe({ topic: "ticker", payload: { product_ids: [product_id] } }, "advTradeMarketData");
      return await numberTold(told, (message) => message.events?.[0]?.tickers?.[0]?.price);
    } finally {
      socket.closeAll(true);
    }
  }

  async order_stream() {
    const told = new Mailbox();
    const socket = this.#socket(told);
    try {
      socket.subscribe({ topic: "user", payload: { product_ids: [product_id] } }, "advTradeUserData");
      return await orderTold(this, told, (message) => (message.events ?? []).flatMap((event) => (event.orders ?? []).map((each) => each.order_id)));
    } finally {
      socket.closeAll(true);
    }
  }
}
