// `run` on arrays of a program: typed arrays in TypeScript, NumPy arrays in Python.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { run } from '../../generator/index.js';

const folder = mkdtempSync(join(tmpdir(), 'moegen-arrays-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const TEXT = `#include <metal_stdlib>
using namespace metal;
struct Pair { uint whole; float real; };
kernel void many(device const half* a, device const float3* b, constant long& c, device float* sums,
    device float3* crossed, device ulong* longs, device bfloat* rounded, device Pair* pairs,
    uint i [[thread_position_in_grid]]) {
  sums[i] = float(a[i]) + b[i].x;
  crossed[i] = cross(b[i], float3(1, 0, 0));
  longs[i] = ulong(c) + i;
  rounded[i] = bfloat(b[i].y);
  pairs[i] = {i, float(a[i])};
}
`;

describe('run on typed arrays', () => {
  it('takes arrays by their types, and gives arrays back', async () => {
    const result = await run({
      text: TEXT,
      msl: '3.1',
      kernel: 'many',
      buffers: {
        0: { dtype: 'f16', data: Float64Array.of(0.5, 1.5) },
        1: { dtype: 'float3', data: Float32Array.of(1, 2, 3, 4, 5, 6) },
        2: BigInt64Array.of(2n ** 60n),
        3: new Float32Array(2),
        4: { dtype: 'float3', shape: [2] },
        5: { dtype: 'u64', shape: [2] },
        6: { dtype: 'bf16', shape: [2] },
        7: { struct: { whole: 'uint', real: 'float' }, shape: [2] },
      },
      threads: 2,
      threads_per_threadgroup: 2,
      outputs: ['3', '4', '5', '6', '7'],
      checks: 'all',
    });
    expect(result).toMatchObject({ ok: true, kernel: 'many', device: 'host', reports: [] });
    expect(result.outputs).toEqual({
      3: Float32Array.of(1.5, 5.5),
      4: Float32Array.of(0, 3, -2, 0, 6, -5),
      5: BigUint64Array.of(2n ** 60n, 2n ** 60n + 1n),
      6: Float32Array.of(2, 5),
      7: new Uint8Array(new Uint32Array([0, 0x3f000000, 1, 0x3fc00000]).buffer),
    });
  });

  it('says what the checks found, and refuses what a file could not say either', async () => {
    const job = {
      text: 'kernel void k(device float* a) { a[4] = 1; }',
      kernel: 'k',
      buffers: { 0: new Float32Array(2) },
      threads: 1,
      threads_per_threadgroup: 1,
    };
    const { ok, reports } = await run({ ...job, checks: ['bounds'] });
    expect({ ok, reports }).toMatchObject({ ok: false, reports: [{ check: 'bounds', line: 1 }] });
    await expect(run({ ...job, outputs: ['7'] })).rejects.toMatchObject({ code: 'run/unknown-output' });
    await expect(run({ ...job, kernel: 'j' })).rejects.toMatchObject({ code: 'native/unknown-kernel' });
  });
});

const PYTHON = `
import numpy as np, moegen
x = np.arange(6, dtype=np.float32).reshape(2, 3)
job = {"text": "kernel void k(device const float* x, device float* y, uint i [[thread_position_in_grid]]) { y[i] = x[i] + 1; }"}
result = moegen.run(job, kernel="k", buffers={0: x, 1: np.zeros_like(x)}, threads=6, threads_per_threadgroup=4, outputs=[1], checks="all")
assert result.ok and (result.outputs[1] == x + 1).all(), result
short = moegen.run(job, kernel="k", buffers={0: x, 1: {"dtype": "f32", "shape": [2]}}, threads=6, threads_per_threadgroup=4, checks=["bounds"])
assert [each["check"] for each in short.reports] == ["bounds"], short
try:
    moegen.run(job, kernel="j", buffers={0: x}, threads=1, threads_per_threadgroup=1)
    raise SystemExit("not refused")
except moegen.MoegenError as error:
    assert "no kernel 'j'" in str(error), error
print("right")
`;

it('runs on NumPy arrays from Python', () => {
  writeFileSync(join(folder, 'use.py'), PYTHON);
  const env = { ...process.env, PYTHONPATH: resolve('python'), MOEGEN: resolve('bin/moegen.js') };
  const { stdout, stderr, error } = spawnSync('python3', ['-B', 'use.py'], {
    cwd: folder,
    env,
    encoding: 'utf8',
  });
  const isMissing = error !== undefined || stderr.includes("No module named 'numpy'");
  // Where Python or NumPy is missing there is nothing to run; else nothing but the last line is right.
  expect(isMissing ? 'right\n' : stdout + stderr).toBe('right\n');
});
