// What every client is told, what they share in their stories, and how a refusal that nothing throws is passed on.

/** What every story buys, far too little to move the market. */
export const AMOUNT = 0.01;
/** A resting order stands this far below the market. */
const REST = 0.9;
/** How long a stream may take to tell something. */
const WAIT_MS = 20_000;
/** Orders that a story about a stream places: nothing says when a subscription holds; an order before that is not told, a later one is. */
const ORDERS = 40;

/** Where the gateway is and who we are there. */
export class Place {
  constructor(host, record) {
    this.host = host;
    this.record = record;
  }

  get base() {
    return `https://${this.host}`;
  }

  get wsBase() {
    return `wss://${this.host}`;
  }

  get key() {
    return this.record.api_key;
  }

  get secret() {
    return this.record.secret ?? this.record.private_key_pem ?? this.record.private_key;
  }
}

/** The client throws nothing: it returned this code to its caller. */
export class Returned extends Error {
  constructor(code, text) {
    super(text ?? String(code));
    this.code = code;
  }
}

let asked = 0;

/** The market moves by less than this between two orders, or the price by all of it. */
const STEP = 1_000;

/** A price that rests, another one each time: where a signed time counts seconds, the same order again within one is a replay. */
export function resting(last) {
  asked += 1;
  return Math.floor((last * REST) / STEP) * STEP - (asked % 100);
}

/** What a stream told, until somebody asks. */
export class Mailbox {
  #told = [];
  #waiting = () => {};

  /** Hands it one message; may be given away as a callback. */
  put = (message) => {
    this.#told.push(message);
    this.#waiting();
  };

  /** The first message that `wanted` finds something in: what it found, or nothing after `ms`. */
  async find(wanted, ms = WAIT_MS) {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#waiting();
    }, ms);
    try {
      for (;;) {
        while (this.#told.length) {
          const found = wanted(this.#told.shift());
          if (found) return found;
        }
        if (late) return undefined;
        await new Promise((resolve) => (this.#waiting = resolve));
      }
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Places orders until the stream tells one of them. `orders` are the ids in a message. */
export async function orderTold(client, mailbox, orders) {
  const placed = [];
  try {
    while (placed.length < ORDERS) {
      placed.push(await client.place_order());
      const seen = (message) => orders(message).some((each) => placed.includes(String(each)));
      if (await mailbox.find(seen, WAIT_MS / ORDERS)) return true;
    }
    throw new Returned("no order was told");
  } finally {
    for (const order of placed) await client.cancel_order(order);
  }
}

/** The number that the stream tells, as `number` finds it in a message. */
export async function numberTold(mailbox, number) {
  const found = await mailbox.find((message) => Number(number(message)) || undefined);
  if (found === undefined) throw new Returned("nothing was told");
  return found;
}

/** Prints what goes wrong in a client, to standard error, and nothing else. */
export const quiet = { trace() {}, silly() {}, debug() {}, notice() {}, info() {}, warning: console.error, error: console.error };
