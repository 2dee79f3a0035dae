// The frame that pictures with two axes share: positions of values in pixels, marks, grid lines and titles.
import type { Scale } from './scale.js';
import { svgBox, svgLine, svgText, textWidth } from './svg.js';

export interface FrameSize {
  readonly width: number;
  readonly height: number;
  /** Margin around the frame. */
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** A grey that is seen on white and on black. */
const gridLine = 'stroke="#888" stroke-opacity="0.2"';

/** Between marks below the frame, and from one next to it to the one above, in pixels. */
const [markDistance, lineHeight] = [6, 14];

/** A size whose left margin has room for the marks next to the frame, and the title to the left of them. */
export const withMarginFor = (size: FrameSize, { ticks }: Scale): FrameSize => ({
  ...size,
  left: Math.max(size.left, 28 + Math.max(...ticks.map(({ label }) => textWidth(label)))),
});

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

  /** The marks below the frame, inside the picture, without those that would be written over the one before. */
  private acrossMarks(): { x: number; label: string }[] {
    let free = 0;
    return this.scales.x.ticks.flatMap(({ share, label }) => {
      const half = textWidth(label) / 2;
      const x = Math.min(this.acrossAt(share), this.size.width - half - 2);
      if (x - half < free) return [];
      free = x + half + markDistance;
      return [{ x, label }];
    });
  }

  /** The marks next to the frame, from the bottom up, without those that would be written over the one below. */
  private upMarks(): { y: number; label: string }[] {
    let free = Infinity;
    return this.scales.y.ticks.flatMap(({ share, label }) => {
      const y = this.upAt(share);
      if (y > free) return [];
      free = y - lineHeight;
      return [{ y, label }];
    });
  }

  /** The frame with grid lines, marks, and titles of its axes. */
  axes(titles: { readonly x: string; readonly y: string }): string {
    const { left, top, height, bottom } = this.size;
    const { width } = this.inner;
    const middle = this.upAt(0.5).toFixed(1);
    return [
      svgBox({ x: left, y: top, ...this.inner }, 'fill="none" stroke="#888" stroke-opacity="0.5"'),
      ...this.upMarks().flatMap(({ y, label }) => [
        svgLine([left, y], [left + width, y], gridLine),
        svgText(left - 6, y + 4, label, 'text-anchor="end"'),
      ]),
      ...this.acrossMarks().map(({ x, label }) => svgText(x, height - bottom + 18, label, 'text-anchor="middle"')),
      svgText(this.acrossAt(0.5), height - 10, titles.x, 'text-anchor="middle"'),
      svgText(14, this.upAt(0.5), titles.y, `text-anchor="middle" transform="rotate(-90 14 ${middle})"`),
    ].join('');
  }
}
