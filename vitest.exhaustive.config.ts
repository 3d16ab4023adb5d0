import { defineConfig } from 'vitest/config';

// Runs that take minutes: `npm run test:exhaustive`.
export default defineConfig({
  test: {
    include: ['test/exhaustive/**/*.test.ts'],
    testTimeout: 3_600_000,
    pool: 'forks',
    maxWorkers: 1,
  },
});
