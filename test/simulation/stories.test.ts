// The transcripts of stories are what is committed. After a wanted change: npx vitest run --project simulation stories
// -u
import { expect, test } from 'vitest';
import { stories, tellStory } from './stories.js';

test.each(Object.keys(stories))('%s', async (name) => {
  const text = await tellStory(name);
  expect(text).toMatch(/\nheld\n$/);
  await expect(text).toMatchFileSnapshot(`transcripts/${name.replaceAll(' ', '-')}.txt`);
});
