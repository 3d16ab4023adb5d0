// Finds products of 8 x 8 elements in a block that one instruction of the tensor cores does: two with the same right operand
// are the upper and lower rows of its left operand, and two that follow each other are its depth.

import { readProduct, type Product, type ProductKind } from './products.js';
import { dependencies } from './schedule.js';

export interface Group {
  readonly kind: ProductKind;
  /** One or two steps along the depth, in order; each has the upper rows, and the lower ones if there are any. */
  readonly steps: readonly (readonly Product[])[];
  /** Where the products stand in the block. */
  readonly positions: readonly number[];
}

interface Located extends Product {
  readonly position: number;
}

/** Uses: how often each value is named in the function, where it is defined included. */
export function groupProducts(body: readonly string[], uses: ReadonlyMap<string, number>): Group[] {
  const products = body.flatMap((line, position) => {
    const product = readProduct(line);
    return product ? [{ ...product, position }] : [];
  });
  const pairs = joinRows(products, dependencies(body));
  return joinDepths(pairs, uses).map((steps) => ({
    kind: steps[0]?.[0]?.kind ?? 'half',
    steps,
    positions: steps.flat().map(({ position }) => position),
  }));
}

/** Pairs with the same right operand; sums that were paired before stay together. */
function joinRows(products: readonly Located[], needs: readonly (readonly number[])[]): Located[][] {
  const partner = new Map<number, Located>();
  const byRight = new Map<string, Located[]>();
  for (const product of products) {
    const key = `${product.kind} ${product.b}`;
    byRight.set(key, [...(byRight.get(key) ?? []), product]);
  }
  const partnerOfSum = new Map<string, string>();
  const order = new Order(needs);
  for (const product of products) {
    if (partner.has(product.position)) continue;
    const candidates = (byRight.get(`${product.kind} ${product.b}`) ?? []).filter(
      (other) => other.position > product.position && !partner.has(other.position),
    );
    const wanted = partnerOfSum.get(product.c);
    const preferred = candidates.find((other) => other.c === wanted);
    const free = candidates.filter((other) => wanted === undefined && !partnerOfSum.has(other.c));
    const found = (preferred ? [preferred] : free).find((other) =>
      order.join(product.position, other.position),
    );
    if (!found) continue;
    partner.set(product.position, found).set(found.position, product);
    partnerOfSum.set(product.result, found.result).set(found.result, product.result);
    // Many sums begin with the constant zero.
    if (product.c.startsWith('%')) partnerOfSum.set(product.c, found.c).set(found.c, product.c);
  }
  return products.flatMap((product) => {
    const other = partner.get(product.position);
    if (!other) return [[product]];
    return other.position > product.position ? [[product, other]] : [];
  });
}

/** Which instructions need which, once some of them are joined. */
class Order {
  private readonly needs: readonly (readonly number[])[];
  private readonly joined = new Map<number, number>();

  constructor(needs: readonly (readonly number[])[]) {
    this.needs = needs;
  }

  /** Joins two instructions, unless one needs the other. */
  join(one: number, other: number): boolean {
    if (this.leadsTo(one, other) || this.leadsTo(other, one)) return false;
    this.joined.set(one, other).set(other, one);
    return true;
  }

  private leadsTo(from: number, wanted: number): boolean {
    const seen = new Set<number>();
    const open = [...(this.needs[from] ?? [])];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (next === wanted) return true;
      if (seen.has(next)) continue;
      seen.add(next);
      open.push(...(this.needs[next] ?? []));
      const partner = this.joined.get(next);
      if (partner !== undefined) open.push(partner);
    }
    return false;
  }
}

/** Two steps in one, where nobody else wants the sums between them. */
function joinDepths(pairs: readonly Located[][], uses: ReadonlyMap<string, number>): Located[][][] {
  const next = new Map(pairs.flatMap((pair) => pair.map((product) => [product.c, pair])));
  const taken = new Set<Located[]>();
  return pairs.flatMap((pair) => {
    if (taken.has(pair)) return [];
    taken.add(pair);
    const follower = next.get(pair[0]?.result ?? '');
    const isPrivate = pair.every(({ result }) => uses.get(result) === 2);
    if (!follower || taken.has(follower) || !isPrivate || follower.length !== pair.length) return [[pair]];
    const second = pair.map(({ result }) => follower.find(({ c }) => c === result));
    const products = second.filter((product) => product !== undefined);
    if (products.length !== pair.length || products[0]?.kind !== pair[0]?.kind) return [[pair]];
    taken.add(follower);
    return [[pair, products]];
  });
}
