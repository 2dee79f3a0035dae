// Masks of steps: which layers make them in Keras, and which apply them.
import { describe, isModel, layersOf, type Description } from './description.js';

const applying = new Set([
  'Bidirectional',
  'ConvLSTM2D',
  'GlobalAveragePooling1D',
  'GRU',
  'LSTM',
  'SimpleRNN',
  'Softmax',
  'TimeDistributed',
]);

const within = (layer: Description): Description[] =>
  isModel(layer) ? layersOf(layer) : layer.config['layer'] === undefined ? [] : [describe(layer.config['layer'])];

/** Whether a layer, or one within it, makes a mask. */
export const makesMask = (layer: Description): boolean =>
  layer.class_name === 'Masking' || layer.config['mask_zero'] === true || within(layer).some(makesMask);

/** Whether a layer, or one within it, computes something else if it gets a mask. */
export const appliesMasks = (layer: Description): boolean =>
  applying.has(layer.class_name) || within(layer).some(appliesMasks);
