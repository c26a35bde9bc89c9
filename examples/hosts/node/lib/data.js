// SPDX-License-Identifier: MIT
//
// Who has what: interactions of users and items as JavaScript has them, as the library takes them.

const LARGEST = 2 ** 31 - 1;
const isTyped = (thing) => ArrayBuffer.isView(thing) && !(thing instanceof DataView);
const isOne = (wanted) => typeof wanted === 'string' || typeof wanted === 'number';

// Whole numbers as Int32Array: one stays as it is, others are converted.
function whole(what, array) {
  if (array instanceof Int32Array) return array;
  if (array instanceof Float32Array || array instanceof Float64Array) {
    throw new TypeError(`${what}: wanted an Int32Array of rows, or an array of names, not a ${array.constructor.name}`);
  }
  return Int32Array.from(array, (id, place) => {
    if (id > LARGEST || id < 0) throw new RangeError(`${what}[${place}] = ${id}, but 0 ... ${LARGEST} are rows`);
    return Number(id);
  });
}

// The rows of one side, and their names: an ascending array of strings or of whole numbers, or null where numbers of rows are all.
class Side {
  #places = null;

  constructor(kind, count, names = null) {
    this.kind = kind;
    this.count = count;
    this.names = names;
  }

  // The rows of an Int32Array, or of names in any order, and the side that they are of.
  static read(kind, values, count) {
    const what = `${kind}s`;
    if (isTyped(values)) {
      const ids = whole(what, values);
      return [ids, new Side(kind, count ?? ids.reduce((most, id) => Math.max(most, id), -1) + 1)];
    }
    if (count !== undefined) throw new TypeError(`a number of ${what} goes with an Int32Array, and these are names`);
    const given = Array.from(values);
    const type = typeof given[0];
    given.forEach((name, place) => {
      if (!(typeof name === type && (type === 'string' || Number.isSafeInteger(name)))) {
        throw new TypeError(`${what}[${place}] = ${String(name)}: names are all strings or all whole numbers`);
      }
    });
    const names = Array.from(new Set(given));
    if (type === 'string') names.sort();
    else names.sort((one, other) => one - other);
    const side = new Side(kind, names.length, names);
    return [side.find(given), side];
  }

  // Rows, Int32Array, of names, or of numbers where there are no names. One that is missing throws, or is -1.
  find(wanted, missing = 'throw') {
    const all = isOne(wanted) ? [wanted] : wanted;
    return Int32Array.from(this.names ? this.#named(all) : this.#numbered(all), (row, place) => {
      if (row < 0 && missing === 'throw') throw new RangeError(`unknown ${this.kind} ${JSON.stringify(Array.from(all)[place])}`);
      return row;
    });
  }

  #named(wanted) {
    this.#places ??= new Map(this.names.map((name, place) => [name, place]));
    return Array.from(wanted, (name) => this.#places.get(name) ?? -1);
  }

  #numbered(wanted) {
    return Array.from(wanted, (row) => {
      if (!Number.isInteger(Number(row)) || typeof row === 'string') {
        throw new TypeError(`${this.kind}s have no names here, so numbers are wanted, not ${JSON.stringify(row)}`);
      }
      return row >= 0 && row < this.count ? Number(row) : -1;
    });
  }

  // Names of rows; the rows themselves where there are none.
  namesOf(rows) {
    return this.names ? Array.from(rows, (row) => this.names[row]) : rows;
  }
}

// Interactions users[i], items[i] in any order; one that comes again counts once, or with weights[i] adds to the first's weight.
//
// A side is an Int32Array of row numbers, used as it is, or an array of names, all strings or all whole numbers, whose rows are in
// ascending order of names.
export class Interactions {
  constructor({ users, items, weights = null, nUsers, nItems }) {
    [this.users, this.userSide] = Side.read('user', users, nUsers);
    [this.items, this.itemSide] = Side.read('item', items, nItems);
    if (this.users.length !== this.items.length) throw new RangeError(`${this.users.length} users, but ${this.items.length} items`);
    this.weights = weights && (weights instanceof Float32Array ? weights : Float32Array.from(weights));
    if (weights && this.weights.length !== this.users.length) {
      throw new RangeError(`${this.weights.length} weights, but ${this.users.length} interactions`);
    }
  }

  // What callers hand over: Interactions, { users, items, weights }, or an array of [user, item] or [user, item, weight].
  static from(thing) {
    if (thing instanceof Interactions) return thing;
    if (thing?.users && thing.items) return new Interactions(thing);
    if (Array.isArray(thing) && thing.every(Array.isArray)) {
      const [users, items, weights] = [0, 1, 2].map((place) => thing.map((pair) => pair[place]));
      return new Interactions({ users, items, weights: thing.length > 0 && thing[0].length > 2 ? weights : null });
    }
    throw new TypeError('wanted Interactions, { users, items }, or an array of [user, item]');
  }

  // Of rows that have been found, on sides that are there.
  static of(users, items, weights, userSide, itemSide) {
    return Object.assign(Object.create(Interactions.prototype), { users, items, weights, userSide, itemSide });
  }

  get length() {
    return this.users.length;
  }

  get nUsers() {
    return this.userSide.count;
  }

  get nItems() {
    return this.itemSide.count;
  }

  get userNames() {
    return this.userSide.names;
  }

  get itemNames() {
    return this.itemSide.names;
  }

  // These in the rows of other sides: by name where names are there. Those that a side does not have are left out, with a warning
  // that counts.
  on(userSide, itemSide) {
    const users = this.#rowsOn(this.users, this.userSide, userSide);
    const items = this.#rowsOn(this.items, this.itemSide, itemSide);
    const known = (_, place) => users[place] >= 0 && items[place] >= 0;
    const n = users.filter(known).length;
    if (n === users.length) return Interactions.of(users, items, this.weights, userSide, itemSide);
    process.emitWarning(`${users.length - n} of ${users.length} interactions are of users or items that the model does not have`);
    return Interactions.of(users.filter(known), items.filter(known), this.weights && this.weights.filter(known), userSide, itemSide);
  }

  #rowsOn(rows, from, to) {
    if (from === to || (!from.names && !to.names)) return rows;
    const places = to.find(from.names ?? Array.from({ length: from.count }, (_, row) => row), 'skip');
    return rows.map((row) => places[row]);
  }
}

// Somebody's items, a list for each, on a side of items; or Interactions, whose users are rows then.
export function listsOn(itemSide, lists) {
  if (Array.isArray(lists) && lists.every((list) => Array.isArray(list) || isTyped(list))) {
    const items = lists.map((list) => itemSide.find(list));
    const users = items.flatMap((list, user) => Array(list.length).fill(user));
    return Interactions.of(Int32Array.from(users), Int32Array.from(items.flatMap((list) => Array.from(list))), null,
      new Side('user', lists.length), itemSide);
  }
  const part = Interactions.from(lists);
  return part.on(part.userSide, itemSide);
}

export { Side, isOne };
