// The formats in which gradients travel between workers.

export const wireFormats = ['fp32', 'bf16', 'fp16', 'int8'] as const;
export type WireFormat = (typeof wireFormats)[number];
/** Those that carry fewer bits than the sums have. */
export type CodedFormat = Exclude<WireFormat, 'fp32'>;
