// The formats in which gradients travel between workers.

/** Those that carry fewer bits than the sums have. */
const codedFormats = ['bf16', 'fp16', 'int8'] as const;
export type CodedFormat = (typeof codedFormats)[number];

export const wireFormats = ['fp32', ...codedFormats] as const;
export type WireFormat = (typeof wireFormats)[number];
