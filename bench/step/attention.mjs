// A small sequence model: one block of self-attention with four heads over 32 vectors of 64 numbers, then a classifier.
export default ({ tf, inputShape, outputs }) => {
  const heads = 4;
  const [length, width] = inputShape;
  const split = (x, order) => tf.transpose(tf.reshape(x, [-1, length, heads, width / heads]), order);

  /** Scaled dot-product attention of queries, keys and values [batch, length, width]. */
  class Attend extends tf.layers.Layer {
    static className = 'Attend';
    computeOutputShape(shapes) {
      return shapes[0];
    }
    call([q, k, v]) {
      const scores = tf.matMul(split(q, [0, 2, 1, 3]), split(k, [0, 2, 1, 3]), false, true);
      const mixed = tf.matMul(tf.softmax(tf.mul(scores, Math.sqrt(heads / width))), split(v, [0, 2, 1, 3]));
      return tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [-1, length, width]);
    }
  }

  const input = tf.input({ shape: inputShape });
  const project = () => tf.layers.dense({ units: width }).apply(input);
  const attended = tf.layers
    .add()
    .apply([input, tf.layers.dense({ units: width }).apply(new Attend({}).apply([project(), project(), project()]))]);
  const hidden = tf.layers.dense({ units: 128, activation: 'relu' }).apply(attended);
  const pooled = tf.layers.globalAveragePooling1d().apply(hidden);
  return tf.model({ inputs: input, outputs: tf.layers.dense({ units: outputs }).apply(pooled) });
};
