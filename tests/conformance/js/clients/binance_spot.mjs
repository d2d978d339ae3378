// `@binance/spot`, Binance's own client. It has one class per HTTP status.

import { Spot } from "@binance/spot";

import { AMOUNT, Mailbox, numberTold, orderTold, resting } from "../place.mjs";
import { arm } from "../twice.mjs";

const symbol = "BTCUSDT";

export class Client {
  static package = "@binance/spot";

  constructor(place) {
    this.isSession = place.record.kind === "Ed25519";
    const keys = place.record.private_key_pem ? { apiKey: place.key, privateKey: place.secret } : { apiKey: place.key, apiSecret: place.secret };
    this.spot = new Spot({
      configurationRestAPI: { ...keys, basePath: place.base, retries: 0 },
      configurationWebsocketAPI: { ...keys, wsURL: `${place.wsBase}/ws-api/v3` },
      configurationWebsocketStreams: { wsURL: place.wsBase },
    });
    this.rest = this.spot.restAPI;
  }

  static code(error) {
    return error?.code;
  }

  async markets() {
    return (await (await this.rest.exchangeInfo()).data()).symbols.map((each) => each.symbol);
  }

  async balance() {
    const { balances } = await (await this.rest.getAccount()).data();
    return Number(balances.find((each) => each.asset === "USDT").free);
  }

  async ticker() {
    return Number((await (await this.rest.ticker24hr({ symbol })).data()).lastPrice);
  }

  async book() {
    const { bids, asks } = await (await this.rest.depth({ symbol, limit: 5 })).data();
    return [Number(bids[0][0]), Number(asks[0][0])];
  }

  async #order() {
    return { symbol, side: "BUY", type: "LIMIT", timeInForce: "GTC", quantity: AMOUNT, price: resting(await this.ticker()) };
  }

  async place_order() {
    return String((await (await this.rest.newOrder(await this.#order())).data()).orderId);
  }

  async open_orders() {
    return (await (await this.rest.getOpenOrders({ symbol })).data()).map((each) => String(each.orderId));
  }

  async amend_order(orderId) {
    const newQty = AMOUNT / 2;
    await this.rest.orderAmendKeepPriority({ symbol, orderId: Number(orderId), newQty });
    return Number((await (await this.rest.getOrder({ symbol, orderId: Number(orderId) })).data()).origQty) === newQty;
  }

  async cancel_order(orderId) {
    return (await (await this.rest.deleteOrder({ symbol, orderId: Number(orderId) })).data()).status === "CANCELED";
  }

  async replay() {
    const order = await this.#order();
    arm();
    return await (await this.rest.newOrder(order)).data();
  }

  async ticker_stream() {
    const told = new Mailbox();
    const connection = await this.spot.websocketStreams.connect();
    try {
      connection.ticker({ symbol: symbol.toLowerCase() }).on("message", told.put);
      return await numberTold(told, (message) => message.c);
    } finally {
      await connection.disconnect();
    }
  }

  /** Orders of an Ed25519 key come after a logon, others' after a signed subscription. */
  async order_stream() {
    const told = new Mailbox();
    const connection = await this.spot.websocketAPI.connect();
    try {
      if (this.isSession) await connection.sessionLogon();
      const { stream } = await (this.isSession ? connection.userDataStreamSubscribe() : connection.userDataStreamSubscribeSignature());
      stream.on("message", told.put);
      return await orderTold(this, told, (message) => [(message.event ?? message).i]);
    } finally {
      await connection.disconnect();
    }
  }
}
