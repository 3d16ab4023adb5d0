import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/exhaustive/**', 'node_modules/**'],
    testTimeout: 120_000,
    hookTimeout: 600_000,
    setupFiles: 'test/support/plain-text.ts',
    globalSetup: 'test/support/build-addons.ts',
    pool: 'forks',
    maxWorkers: 2,
  },
});
