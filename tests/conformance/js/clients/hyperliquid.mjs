// `hyperliquid`: it hands a refused action to its caller, as the venue answers it with 200.

import { createRequire } from "node:module";

import { AMOUNT, Mailbox, numberTold, orderTold, resting, Returned } from "../place.mjs";
import { arm } from "../twice.mjs";

// What it gives to `import` finds a WebSocket from Node 22 on only.
const { BASE_URLS, Hyperliquid, WSS_URLS } = createRequire(import.meta.url)("hyperliquid");
const coin = "BTC-SPOT";

/** What the venue says about one order. */
function status(answer, wanted) {
  if (answer.status !== "ok") throw new Returned(answer.response);
  const [told] = answer.response.data.statuses;
  if (told.error) throw new Returned(told.error);
  return wanted(told);
}

export class Client {
  static package = "hyperliquid";

  constructor(place) {
    // Its addresses are two exported tables.
    BASE_URLS.PRODUCTION = place.base;
    WSS_URLS.PRODUCTION = `${place.wsBase}/ws`;
    this.user = place.key;
    this.sdk = new Hyperliquid({ privateKey: place.secret, walletAddress: place.key, enableWs: true, disableAssetMapRefresh: true });
  }

  static code(error) {
    return error?.code;
  }

  close() {
    this.sdk.disconnect();
  }

  async markets() {
    return (await this.sdk.symbolConversion.getAllAssets()).spot;
  }

  async balance() {
    // The paper venue knows an address from its first action on.
    await this.cancel_order(await this.place_order());
    const { balances } = await this.sdk.info.spot.getSpotClearinghouseState(this.user);
    return Number(balances.find((each) => each.coin.startsWith("USD")).total);
  }

  async ticker() {
    return Number((await this.sdk.info.getAllMids())[coin]);
  }

  async book() {
    const { levels } = await this.sdk.info.getL2Book(coin);
    return levels.map((side) => Number(side[0].px));
  }

  async #order() {
    const limit_px = resting(await this.ticker());
    return { coin, is_buy: true, sz: AMOUNT, limit_px, order_type: { limit: { tif: "Gtc" } }, reduce_only: false };
  }

  async place_order() {
    return status(await this.sdk.exchange.placeOrder(await this.#order()), (told) => String(told.resting.oid));
  }

  async open_orders() {
    return (await this.sdk.info.getUserOpenOrders(this.user)).map((each) => String(each.oid));
  }

  async cancel_order(order) {
    return status(await this.sdk.exchange.cancelOrder({ coin, o: Number(order) }), (told) => told === "success");
  }

  async replay() {
    const order = await this.#order();
    arm();
    return status(await this.sdk.exchange.placeOrder(order), (told) => String(told.resting.oid));
  }

  async ticker_stream() {
    const told = new Mailbox();
    await this.sdk.connect();
    await this.sdk.subscriptions.subscribeToAllMids(told.put);
    return await numberTold(told, (message) => message[coin] ?? message.mids?.[coin]);
  }

  async order_stream() {
    const told = new Mailbox();
    await this.sdk.connect();
    await this.sdk.subscriptions.subscribeToOrderUpdates(this.user, told.put);
    return await orderTold(this, told, (message) => (Array.isArray(message) ? message : (message.orders ?? [])).map((each) => each.order?.oid));
  }
}
