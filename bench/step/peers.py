# The peers: for each line on standard input, trains some steps and prints the median milliseconds of one.
#   python peers.py MODEL torch|tf
import json, os, statistics, sys, time
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
name, how = sys.argv[1:3]
spec = json.load(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "models.json")))[name]
batch, shape, classes = spec["batch"], spec["input"], spec["loss"] == "softmaxCrossEntropy"


def torch_step():
    import torch
    torch.set_num_threads(1)
    layers, channels, size = [], shape[-1], shape[:-1]
    width = channels
    for layer in spec["layers"]:
        if layer == "flatten":
            layers.append(torch.nn.Flatten()); width = channels * size[0] * size[1]
        elif "dense" in layer:
            layers.append(torch.nn.Linear(width, layer["dense"])); width = layer["dense"]
        elif "conv2d" in layer:
            layers.append(torch.nn.Conv2d(channels, layer["conv2d"], layer["kernel"])); channels = layer["conv2d"]
            size = [side - layer["kernel"] + 1 for side in size]
        else:
            layers.append(torch.nn.MaxPool2d(layer["maxPooling2d"])); size = [side // layer["maxPooling2d"] for side in size]
        if isinstance(layer, dict) and layer.get("activation") == "relu":
            layers.append(torch.nn.ReLU())
    model = torch.nn.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, fused=True)
    x = torch.randn(batch, *([shape[-1]] + shape[:-1] if len(shape) == 3 else shape))
    y = torch.randint(0, spec["outputs"], (batch,)) if classes else torch.randn(batch, 1)
    loss_of = torch.nn.CrossEntropyLoss() if classes else torch.nn.MSELoss()

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()
    return step


def tf_step():
    import tensorflow as tf
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
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
    model = tf.keras.Sequential(layers)
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
