// The models of the table of GPUs, and the same ones so small that a processor takes each step in a moment.
import { readFileSync } from 'node:fs';
import { path } from '../contestant.mjs';

const { tabular, mlp, cnn } = JSON.parse(readFileSync(path('step/models.json'), 'utf8'));
const huge = {
  ...mlp,
  layers: mlp.layers.map((layer) => (layer.activation ? { ...layer, dense: 8192 } : layer)),
};

const of = (name, title, spec, batch) => ({ name, title, spec: { ...spec, batch } });

export const models = [
  of('tabular', 'MLP 10-64-1', tabular, 32),
  of('mlp', 'MLP 784-1200-1200-10', mlp, 128),
  of('mlp-1024', 'MLP 784-1200-1200-10', mlp, 1024),
  of('mlp-8192', 'MLP 784-1200-1200-10', mlp, 8192),
  of('cnn', 'CNN 32-64-pool-128', cnn, 64),
  of('cnn-1024', 'CNN 32-64-pool-128', cnn, 1024),
  of('huge', 'MLP 784-8192-8192-10, 74 M weights', huge, 1024),
];

const tinyLayer = (layer) => ({
  ...layer,
  ...(layer.activation && layer.dense ? { dense: Math.min(layer.dense, 16) } : {}),
  ...(layer.conv2d ? { conv2d: 4 } : {}),
});

/** The same layers with a few units each. */
export const tinyLayers = (layers) => layers.map((layer) => (typeof layer === 'string' ? layer : tinyLayer(layer)));

/** A sixteenth of the batch, and a few units per layer. */
export const tiny = ({ title, spec, ...model }) => ({
  ...model,
  title: `tiny ${title}`,
  spec: { ...spec, batch: spec.batch / 16, layers: tinyLayers(spec.layers) },
});
