// `kraken-api`, REST only. It throws plain Errors with the venue's words, without their first letter.

import Kraken from "kraken-api";

import { AMOUNT, resting } from "../place.mjs";
import { arm } from "../twice.mjs";

const pair = "XBTUSDT";

export class Client {
  static package = "kraken-api";

  constructor(place) {
    this.kraken = new Kraken(place.key, place.secret, { url: place.base, timeout: 20_000 });
  }

  static code(error) {
    return error?.message;
  }

  async #ask(method, more) {
    return (await this.kraken.api(method, more)).result;
  }

  async markets() {
    return Object.values(await this.#ask("AssetPairs")).map((each) => each.altname);
  }

  async balance() {
    return Number((await this.#ask("Balance")).USDT);
  }

  async ticker() {
    return Number(Object.values(await this.#ask("Ticker", { pair }))[0].c[0]);
  }

  async book() {
    const [{ bids, asks }] = Object.values(await this.#ask("Depth", { pair, count: 5 }));
    return [Number(bids[0][0]), Number(asks[0][0])];
  }

  async #order() {
    return { pair, type: "buy", ordertype: "limit", price: String(resting(await this.ticker())), volume: String(AMOUNT) };
  }

  async place_order() {
    return (await this.#ask("AddOrder", await this.#order())).txid[0];
  }

  async open_orders() {
    return Object.keys((await this.#ask("OpenOrders")).open);
  }

  async cancel_order(txid) {
    return (await this.#ask("CancelOrder", { txid })).count === 1;
  }

  async replay() {
    const order = await this.#order();
    arm();
    return await this.#ask("AddOrder", order);
  }
}
