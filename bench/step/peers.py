# The peers: for each line on standard input, trains some steps and prints the median milliseconds of one.
#   python peers.py MODEL torch|tf
import json, os, statistics, sys, time
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
name, how = sys.argv[1:3]
spec = json.load(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "models.json")))[name]
batch, shape, classes = spec["batch"], spec["input"], spec["loss"] == "softmaxCrossEntropy"


def torch_step():
    import torch
    from torch_model import torch_model
    torch.set_num_threads(1)
    model = torch_model(spec)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)
    x = torch.randn(batch, *([shape[-1]] + shape[:-1] if len(shape) == 3 else shape))  # images with channels first
    y = torch.randint(0, spec["outputs"], (batch,)) if classes else torch.randn(batch, 1)
    loss_of = torch.nn.CrossEntropyLoss() if classes else torch.nn.MSELoss()

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()
    return step


def tf_attention():
    import tensorflow as tf
    length, width = shape
    inputs = tf.keras.layers.Input(shape)
    split = lambda x: tf.transpose(tf.reshape(x, [-1, length, 4, width // 4]), [0, 2, 1, 3])

    class Attend(tf.keras.layers.Layer):
        def call(self, q, k, v):
            scores = tf.nn.softmax(tf.matmul(split(q), split(k), transpose_b=True) * (4 / width) ** 0.5)
            return tf.reshape(tf.transpose(tf.matmul(scores, split(v)), [0, 2, 1, 3]), [-1, length, width])
    q, k, v = (tf.keras.layers.Dense(width)(inputs) for _ in range(3))
    attended = inputs + tf.keras.layers.Dense(width)(Attend()(q, k, v))
    hidden = tf.keras.layers.Dense(128, activation="relu")(attended)
    return tf.keras.Model(inputs, tf.keras.layers.Dense(spec["outputs"])(tf.keras.layers.GlobalAveragePooling1D()(hidden)))


def tf_layers():
    import tensorflow as tf
    layers = [tf.keras.layers.Input(shape)]
    for layer in spec["layers"]:
        if layer == "flatten":
            layers.append(tf.keras.layers.Flatten())
        elif "dense" in layer:
            layers.append(tf.keras.layers.Dense(layer["dense"], activation=layer.get("activation")))
        elif "conv2d" in layer:
            layers.append(tf.keras.layers.Conv2D(layer["conv2d"], layer["kernel"], activation=layer.get("activation")))
        else:
            layers.append(tf.keras.layers.MaxPooling2D(layer["maxPooling2d"]))
    return tf.keras.Sequential(layers)


def tf_step():
    import tensorflow as tf
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    model = tf_attention() if "module" in spec else tf_layers()
    optimizer = tf.keras.optimizers.Adam(0.001)
    x = tf.random.normal([batch] + shape)
    y = tf.random.uniform([batch], 0, spec["outputs"], tf.int32) if classes else tf.random.normal([batch, 1])
    loss_of = tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True) if classes else tf.keras.losses.MeanSquaredError()

    @tf.function
    def train():
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_variables), model.trainable_variables))
        return loss
    return lambda: float(train())


step = torch_step() if how == "torch" else tf_step()
for _ in range(3):
    step()
print("ready", flush=True)
for line in sys.stdin:
    if line.strip() == "stop":
        break
    times = []
    for _ in range(spec["steps"]):
        start = time.perf_counter()
        step()
        times.append((time.perf_counter() - start) * 1000)
    print(statistics.median(times), flush=True)
