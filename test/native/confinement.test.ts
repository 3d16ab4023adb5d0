// What the engine's process may not do, asked of it by a library that tries: a kernel's code that is not what the compiler made of it.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HostLibrary } from '../../generator/compile/types.js';
import { buildHostEngine, findCompilers } from '../../generator/native/build.js';
import { defaultCacheDir } from '../../generator/compile/cache.js';
import { openEngine, type NativeJob, type NativeResult } from '../../generator/native/host/addon.js';
import { makeRequest } from '../../generator/native/host/request.js';
import { load } from './support.js';

const ABI = path.resolve(import.meta.dirname, '../../native/msl/detail/abi.h');

/** Each attempt, as a C expression that is negative where it fails. */
const ATTEMPTS = {
  'read a file': 'open("/etc/passwd", O_RDONLY)',
  'write a file': 'open("/tmp/moegen-confinement", O_WRONLY | O_CREAT, 0600)',
  'read a file in a folder': 'openat(AT_FDCWD, ".", O_RDONLY)',
  fork: 'fork_once()',
  'execute a program': 'execl("/bin/true", "true", (char*)0)',
  'open a connection': 'socket(AF_INET, SOCK_STREAM, 0)',
  'open a local connection': 'socket(AF_UNIX, SOCK_STREAM, 0)',
  'signal the parent': 'kill(getppid(), 0)',
  'watch the parent': 'ptrace(PTRACE_ATTACH, getppid(), 0, 0)',
  'make code': '(long)mmap(0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)',
} as const;
const NAMES = Object.keys(ATTEMPTS);

const SOURCE = `
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>
#include ${JSON.stringify(ABI)}

static long written = 7;
static long open_files = 0;

__attribute__((constructor)) static void at_load() {
  written = open("/tmp/moegen-confinement", O_WRONLY | O_CREAT, 0600);
  for (int file = 0; file < 1024; ++file) if (lseek(file, 0, SEEK_CUR) >= 0 || errno != EBADF) open_files |= 1L << (file < 63 ? file : 63);
}

static long fork_once() {
  long child = fork();
  if (child == 0) _exit(0);
  return child;
}

void probe(const struct __msl_self* self) {
  long* out = (long*)self->buf[0];
${Object.values(ATTEMPTS)
  .map((attempt, at) => `  out[${at}] = (long)(${attempt});`)
  .join('\n')}
  out[${NAMES.length}] = written;
  out[${NAMES.length + 1}] = open_files;
}
`;

/** A kernel of one thread, with a buffer of so many bytes that comes back. */
async function requestFor(byteLength: number): Promise<NativeJob> {
  const library = await load('kernel void test(device ulong* out [[buffer(0)]]) { out[0] = 1; }');
  const { host } = library as unknown as { readonly host: HostLibrary };
  const one = [1, 1, 1] as const;
  const dispatch = {
    ...{ library, kernel: 'test', buffers: { 0: { buffer: 0 } } },
    ...{ threadgroups: one, threadsPerThreadgroup: one },
  };
  const job = { buffers: [{ byteLength }], dispatches: [dispatch], outputs: [0] };
  return makeRequest(job, { libraryOf: () => host, threads: 2, lockstep: false });
}

describe.runIf(process.platform === 'linux')('the process that kernels run in', () => {
  let folder: string;
  let result: NativeResult;
  let values: BigInt64Array;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'moegen-confinement-'));
    const options = { cacheDir: defaultCacheDir(process.env), environment: process.env };
    const [compiler] = await findCompilers(options);
    if (compiler === undefined) throw new Error('no compiler');
    const [source, library] = ['probe.c', 'probe.so'].map((name) => path.join(folder, name)) as [
      string,
      string,
    ];
    writeFileSync(source, SOURCE);
    const [program = '', ...flags] = compiler.command;
    execFileSync(program, [...flags, '-x', 'c', '-shared', '-fPIC', source, '-o', library], {
      env: { ...process.env, ...compiler.environment },
    });
    const request = await requestFor(8 * (NAMES.length + 2));
    const engine = openEngine(await buildHostEngine(options));
    const dispatches = request.dispatches.map((dispatch) => ({
      ...dispatch,
      ...{ library, symbol: 'probe', rowSymbol: '' },
    }));
    result = await engine.run({ ...request, dispatches });
    values = new BigInt64Array(result.outputs[0]?.slice().buffer ?? new ArrayBuffer(0));
  }, 120_000);
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('is confined, and says so', () => {
    expect(result.isConfined).toBe(true);
  });

  it.each(NAMES.map((name, at) => [name, at] as const))('cannot %s', (_, at) => {
    expect(values[at]).toBe(-1n);
  });

  it('has the handles of the terminal, the job and its end alone', () => {
    expect(values[NAMES.length + 1]).toBe(0b11111n);
  });

  it('cannot write files while libraries are loaded', () => {
    expect(values[NAMES.length]).toBe(-1n);
  });
});

it('says so where the program of the engine cannot be executed', async () => {
  const options = { cacheDir: defaultCacheDir(process.env), environment: process.env };
  const { addon } = await buildHostEngine(options);
  const engine = openEngine({ addon, program: path.join(tmpdir(), 'moegen-there-is-no-such-program') });
  const request = await requestFor(8);
  await expect(engine.run(request)).rejects.toMatchObject({ code: 'not-executable' });
});
