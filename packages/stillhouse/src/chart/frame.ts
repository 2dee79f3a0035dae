// The frame that pictures with two axes share: positions of values in pixels, marks, grid lines and titles.
import type { Scale } from './scale.js';
import { svgBox, svgLine, svgText } from './svg.js';

export interface FrameSize {
  readonly width: number;
  readonly height: number;
  /** Margin around the frame. */
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export class Frame<X> {
  readonly inner: { readonly width: number; readonly height: number };

  constructor(
    readonly size: FrameSize,
    private readonly scales: { readonly x: Scale<X>; readonly y: Scale },
  ) {
    this.inner = { width: size.width - size.left - size.right, height: size.height - size.top - size.bottom };
  }

  /** A point in pixels. */
  at(x: X, y: number): [number, number] {
    return [this.acrossAt(this.scales.x.shareOf(x)), this.upAt(this.scales.y.shareOf(y))];
  }

  /** Pixels from the left, of a share of the frame's width. */
  acrossAt(share: number): number {
    return this.size.left + share * this.inner.width;
  }

  /** Pixels from the top, of a share of the frame's height from its bottom. */
  upAt(share: number): number {
    return this.size.top + (1 - share) * this.inner.height;
  }

  /** The frame with grid lines, marks, and titles of its axes. */
  axes(titles: { readonly x: string; readonly y: string }): string {
    const { left, top, height, bottom } = this.size;
    const { width } = this.inner;
    const middle = this.upAt(0.5).toFixed(1);
    return [
      svgBox({ x: left, y: top, ...this.inner }, 'fill="none" stroke="#ccc"'),
      ...this.scales.y.ticks.flatMap(({ share, label }) => [
        svgLine([left, this.upAt(share)], [left + width, this.upAt(share)], 'stroke="#eee"'),
        svgText(left - 6, this.upAt(share) + 4, label, 'text-anchor="end"'),
      ]),
      ...this.scales.x.ticks.map(({ share, label }) =>
        svgText(this.acrossAt(share), height - bottom + 18, label, 'text-anchor="middle"'),
      ),
      svgText(this.acrossAt(0.5), height - 10, titles.x, 'text-anchor="middle"'),
      svgText(14, this.upAt(0.5), titles.y, `text-anchor="middle" transform="rotate(-90 14 ${middle})"`),
    ].join('');
  }
}
