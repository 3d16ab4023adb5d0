// The floor of a layer for the routing that took place, against numbers worked out by hand.

import { describe, expect, it } from 'vitest';
import { layerFloors, routingOf } from '../../generator/bench/floor.js';
import { layerOf } from './support.js';

const SIZES = { hidden: 512, intermediate: 256, experts: 8, topK: 2 };
const BF16 = { activation: 'bf16', weight: 'bf16' } as const;

describe('the routing that took place', () => {
  it('touches the experts that are named, and no others', () => {
    const layer = layerOf(SIZES, { ...BF16, numTokens: 3, path: 'decode' });
    // 8 is the id of an empty slot.
    expect(routingOf(layer, [5, 1, 1, 0, 8, 5])).toEqual({ touchedExperts: 3, numTiles: 5 });
  });

  it('has a tile for each started eight rows of an expert in the skinny path', () => {
    const layer = layerOf(SIZES, { ...BF16, numTokens: 9, path: 'skinny' });
    const ids = [...Array<number>(9).fill(3), ...Array<number>(8).fill(4), 7];
    expect(routingOf(layer, ids)).toEqual({ touchedExperts: 3, numTiles: 4 });
  });
});

describe('the floor', () => {
  it('reads the matrices of touched experts once, and everything else once', () => {
    const layer = layerOf(SIZES, { ...BF16, numTokens: 3, path: 'decode' });
    const floors = layerFloors(layer, { touchedExperts: 4, numTiles: 6 });
    const gateUp = floors[layer.plans.findIndex(({ family }) => family === 'decode_gate_up')];
    // 4 matrices of 512 x 512, 3 tokens of 512, 6 ids; 6 rows of 256 out, in BF16.
    expect(gateUp?.buffers.map(({ name, read, written }) => [name, read, written])).toEqual([
      ['hidden_states', 3 * 512 * 2, 0],
      ['gate_up_weight', 4 * 512 * 512 * 2, 0],
      ['topk_ids', 6 * 4, 0],
      ['intermediate', 0, 6 * 256 * 2],
    ]);
    expect(gateUp).toMatchObject({
      read: 3072 + 2_097_152 + 24,
      written: 3072,
      flops: 2 * 6 * 512 * 512,
    });
  });

  it('counts the planes of packed weights', () => {
    const layer = layerOf(SIZES, { activation: 'bf16', weight: 'mxfp4', numTokens: 1, path: 'decode' });
    const floors = layerFloors(layer, { touchedExperts: 2, numTiles: 2 });
    const down = floors[layer.plans.findIndex(({ family }) => family === 'decode_down')];
    const read = Object.fromEntries(down?.buffers.map((buffer) => [buffer.name, buffer.read]) ?? []);
    expect(read).toMatchObject({
      down_weight: (2 * 512 * 256) / 2,
      down_scales: (2 * 512 * 256) / 32,
      intermediate: 2 * 256 * 2,
    });
  });
});
