// Text that came from elsewhere, made safe for terminals and logs.

/** Control characters, and characters that hide or reorder text; line breaks and tabs as well. */
const hidden = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;
const hiddenInText = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu;

const escaped = (character: string): string => `\\u{${character.codePointAt(0)!.toString(16)}}`;

/** The text on one line, without characters that a terminal would obey; what is beyond `length` is cut. */
export const printableLine = (text: string, length = 300): string => cut(text, length).replace(hidden, escaped);

/** The same for a text of several lines, such as a stack. */
export const printableText = (text: string, length: number): string => cut(text, length).replace(hiddenInText, escaped);

/** Whether a text can be printed on one line as it is. */
export const isPrintable = (text: string): boolean => text.search(hidden) < 0;

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
