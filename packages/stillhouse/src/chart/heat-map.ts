// Colours of a map: equal steps look equal, in greyscale as well.

/** From violet over green to yellow. */
const colours = ['#440154', '#414487', '#2a788e', '#22a884', '#7ad151', '#fde725'];

/** @param share 0 for the worst, 1 for the best */
export function colourOf(share: number): string {
  const at = Math.max(0, Math.min(0.9999, share)) * (colours.length - 1);
  const channel = (colour: string, i: number): number => parseInt(colour.slice(1 + 2 * i, 3 + 2 * i), 16);
  const [low, high] = [colours[Math.floor(at)], colours[Math.floor(at) + 1]];
  const mixed = [0, 1, 2].map((i) => channel(low, i) + (channel(high, i) - channel(low, i)) * (at % 1));
  return `#${mixed.map((value) => Math.round(value).toString(16).padStart(2, '0')).join('')}`;
}
