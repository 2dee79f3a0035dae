import { expect, test } from 'vitest';
import { limits } from '@stillhouse/core';
import { OwedBlocks } from './owed-blocks.js';

test('a block that is being read or waits to be sent is not read again, until the link is empty', () => {
  const link = { isSending: false };
  const owed = new OwedBlocks(link);
  expect([owed.onWanted('a'), owed.onWanted('a')]).toEqual(['read', 'onItsWay']);
  owed.wasRead('a');
  link.isSending = true;
  expect([owed.onWanted('a'), owed.onWanted('b')]).toEqual(['onItsWay', 'read']);
  link.isSending = false;
  expect(owed.onWanted('a')).toBe('read');
});

test('too many requests at once are refused, however many times each was answered before', () => {
  const owed = new OwedBlocks({ isSending: true });
  const hashes = Array.from({ length: limits.blockQuestionsAtOnce }, (_, i) => `${i}`);
  for (const hash of hashes) expect(owed.onWanted(hash)).toBe('read');
  expect(owed.onWanted('one more')).toBe('tooMany');
  owed.wasRead('0');
  expect([owed.onWanted('one more'), owed.onWanted('another')]).toEqual(['read', 'tooMany']);
});
