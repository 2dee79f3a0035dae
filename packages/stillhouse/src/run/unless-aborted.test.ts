// A signal ends the wait for work that cannot be stopped.
import { expect, test } from 'vitest';
import { unlessAborted } from './unless-aborted.js';

const reason = (): Error => new Error('interrupted');
const endless = (): Promise<never> => new Promise(() => {});

test('an abort ends the wait at once', async () => {
  const abort = new AbortController();
  const waiting = unlessAborted(abort.signal, reason, endless);
  abort.abort();
  await expect(waiting).rejects.toThrow('interrupted');
});

test('work that was aborted before is not begun', async () => {
  let begun = false;
  const work = async (): Promise<void> => void (begun = true);
  await expect(unlessAborted(AbortSignal.abort(), reason, work)).rejects.toThrow('interrupted');
  expect(begun).toBe(false);
});

test.each([undefined, new AbortController().signal])('otherwise it settles as the work does', async (signal) => {
  expect(await unlessAborted(signal, reason, async () => 3)).toBe(3);
  await expect(unlessAborted(signal, reason, () => Promise.reject(new Error('own')))).rejects.toThrow('own');
});
