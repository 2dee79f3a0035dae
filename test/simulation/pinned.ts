// Seeds that have failed, and what each found: they run first, and stay when the number of seeds changes. A seed that
// fails in `npm run sim` goes here with the fault that it found.

export const pinned: readonly { readonly seed: number; readonly found: string }[] = [
  // Found with `npm run sim -- --mutations`.
  {
    seed: 0,
    found: 'partial sums in the order of arrival; rows of a step that are not accounted for; a generation twice',
  },
  { seed: 2, found: 'members that are stuck and are not linked anew' },
  { seed: 7, found: 'a sum in place while spares still read it' },
  { seed: 9, found: 'a partial sum that comes twice and is added to the next operation' },
  {
    seed: 14,
    found: 'a state that is behind and is not healed; a coordinator that does not look whether it was replaced',
  },
  { seed: 20, found: 'workers that say nothing and are waited for' },
  { seed: 66, found: 'reports that are lost and not sent again' },
  { seed: 201, found: 'a phase that is done before all of its epochs are known' },
  { seed: 253, found: 'messages that are lost and not sent again' },
];
