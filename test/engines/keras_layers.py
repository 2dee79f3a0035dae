# Small models of every layer and setting that Keras has, and what Keras computes: python3 keras_layers.py OUT
# With names of layers: only of these, without settings. Other models are the same. With KERAS=tf_keras: of Keras 2.
import contextlib
import importlib
import inspect
import json
import logging
import os
import sys

os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy as np

keras = importlib.import_module(os.environ.get("KERAS", "keras"))
layers = keras.layers
is_new = hasattr(keras, "ops")
ops = keras.ops if is_new else importlib.import_module("tensorflow")
serializable = keras.saving.register_keras_serializable

logging.disable(logging.WARNING)
out = sys.argv[1]
keras.utils.set_random_seed(1)
random = np.random.default_rng(1)
wanted = set(sys.argv[2:])
cases = []
unbuildable = {}
# Settings that change nothing in inference, or that only set initial weights.
unimportant = {"name", "trainable", "dtype", "seed", "weights", "layer", "cell", "input_tensor"}
# Set by model.quantize(), which is tried on a whole model.
unimportant.add("quantization_config")


def rows_of(shape, whole=0):
    size = (4, *shape)
    return random.integers(0, whole, size).astype("float32") if whole else random.standard_normal(size).astype("float32")


def disturb(model):
    """Weights that no layer starts with, so that one in another's place would show."""
    for variable in model.variables if is_new else model.weights:
        path = variable.path if is_new else variable.name
        if "seed_generator" in path:
            continue
        value = np.asarray(variable.numpy())
        if not np.issubdtype(value.dtype, np.floating):
            continue
        value = value + 0.3 * random.standard_normal(value.shape)
        variable.assign(np.abs(value) + 0.5 if "variance" in path else value)


def text_of(value):
    if isinstance(value, layers.Layer):
        return type(value).__name__
    return repr(value)


def save(layer, settings, model, rows, tolerance=1e-4, kind="layer"):
    model(rows)
    disturb(model)
    name = f"{len(cases):04d}"
    for ending in ["keras", "h5"]:
        with contextlib.redirect_stdout(sys.stderr):
            model.save(f"{out}/{name}.{ending}")
    answer = model(rows, training=False)
    answers = answer if isinstance(answer, (list, tuple)) else [answer]
    y = [np.asarray(each, "float32") for each in answers]
    cases.append({
        "file": name, "kind": kind, "layer": layer, "settings": settings, "tolerance": tolerance,
        "x": {"shape": rows.shape, "values": rows.ravel().tolist()},
        "outputs": len(y), "y": {"shape": y[0].shape, "values": y[0].ravel().tolist()},
    })


tried = {}


def try_layer(layer, shape, settings, whole=0, branches=0, text=None, tolerance=1e-4):
    """A model of one layer; of a merging layer between branches if there are any."""
    kind = getattr(layers, layer)
    tried.setdefault(layer, set()).update(settings)
    given = {key: make() if callable(make) and getattr(make, "__name__", "") == "<lambda>" else make for key, make in settings.items()}
    rows = rows_of(shape, whole)
    source = keras.Input(shape, name="rows")
    made = kind(**given, name="tested")
    if branches:
        width = shape[-1]
        inputs = [layers.Dense(width, name=f"branch{i}")(source) for i in range(branches)]
        target = made(inputs)
    else:
        target = made(source)
    if isinstance(target, (list, tuple)):
        target = layers.Concatenate(name="all")([layers.Flatten()(each) if len(each.shape) > 2 else each for each in target])
    shown = text if text is not None else ", ".join(f"{key}={text_of(given[key])}" for key in settings)
    save(layer, shown, keras.Model(source, target), rows, tolerance)


def variants(layer, shape, base, changes, **options):
    """The layer with its base settings, and with each change of them."""
    if wanted and layer not in wanted:
        return
    for change in [{}, *([] if wanted else changes)]:
        try:
            try_layer(layer, shape, {**base, **change}, text=", ".join(f"{key}={text_of(value() if callable(value) else value)}" for key, value in change.items()), **options)
        except Exception as error:  # Keras itself does not compute it, here or at all
            unbuildable[f"{layer} {change}"] = str(error).split("\n")[0][:200]


activations = ["relu", "relu6", "sigmoid", "softplus", "softsign", "tanh", "softmax", "log_softmax", "elu", "selu", "gelu", "silu", "swish", "mish", "linear", "exponential", "leaky_relu", "hard_sigmoid", "hard_silu", "hard_swish", "celu", "glu", "hard_tanh", "hard_shrink", "log_sigmoid", "soft_shrink", "sparse_plus", "squareplus", "tanh_shrink", "threshold", "sparsemax", "sparse_sigmoid"]
variants("Activation", (6,), {"activation": "relu"}, [{"activation": name} for name in activations])
variants("Dense", (6,), {"units": 4}, [{"use_bias": False}, {"lora_rank": 2}, {"lora_rank": 2, "lora_alpha": 3}, *({"activation": name} for name in activations), {"activation": lambda: layers.LeakyReLU()}, {"dtype": "float64"}])
variants("Dense", (3, 6), {"units": 4}, [{"activation": "softmax"}])
variants("Dense", (6,), {"units": 4}, [{"dtype": "mixed_float16"}, {"dtype": "float16"}, {"dtype": "mixed_bfloat16"}], tolerance=3e-2)
variants("Embedding", (5,), {"input_dim": 7, "output_dim": 3}, [{"mask_zero": True}, {"lora_rank": 2}, {"lora_rank": 2, "lora_alpha": 3}], whole=7)
variants("Masking", (5, 2), {}, [{"mask_value": 1.0}])
variants("Identity", (4,), {}, [])

both = {"data_format": "channels_first"}
for rank, shape, first in [(1, (9, 4), (4, 9)), (2, (9, 8, 4), (4, 9, 8)), (3, (6, 5, 6, 4), (4, 6, 5, 6))]:
    name = f"Conv{rank}D"
    odd = (3, 2, 3)[:rank]
    base = {"filters": 6, "kernel_size": 3}
    common = [{"kernel_size": odd}, {"strides": 2}, {"padding": "same"}, {"padding": "same", "strides": 2}, {"dilation_rate": 2}, {"dilation_rate": 2, "padding": "same"}, {"groups": 2}, {"use_bias": False}, {"activation": "relu"}, {"activation": "tanh"}]
    variants(name, shape, base, [*common, *([{"padding": "causal"}, {"padding": "causal", "dilation_rate": 2}] if rank == 1 else [])])
    variants(name, first, base, [both, {**both, "padding": "same", "activation": "softmax"}])
    turned = [change for change in common if "groups" not in change]
    variants(f"{name}Transpose", shape, base, [*turned, {"strides": 2, "output_padding": 1}, {"padding": "same", "strides": 2, "output_padding": 0}, {"strides": 3}])
    variants(f"{name}Transpose", first, base, [{**both, "strides": 2}])
    variants(f"MaxPooling{rank}D", shape, {}, [{"pool_size": 3}, {"pool_size": odd}, {"strides": 1}, {"padding": "same"}, {"padding": "same", "strides": 1, "pool_size": 3}])
    variants(f"MaxPooling{rank}D", first, {}, [both])
    variants(f"AveragePooling{rank}D", shape, {"pool_size": 2}, [{"pool_size": 3}, {"pool_size": odd}, {"strides": 1}, {"padding": "same"}, {"padding": "same", "strides": 1, "pool_size": 3}])
    variants(f"AveragePooling{rank}D", first, {"pool_size": 2}, [both])
    for kind in ["Max", "Average"]:
        variants(f"Global{kind}Pooling{rank}D", shape, {}, [{"keepdims": True}])
        variants(f"Global{kind}Pooling{rank}D", first, {}, [both])
        variants(f"Adaptive{kind}Pooling{rank}D", shape, {"output_size": 2}, [both])
    cropping = {1: [1, (1, 2)], 2: [1, (1, 2), ((1, 0), (2, 1))], 3: [1, (1, 1, 2), ((1, 0), (2, 1), (0, 1))]}[rank]
    variants(f"Cropping{rank}D", shape, {}, [{"cropping": each} for each in cropping])
    variants(f"ZeroPadding{rank}D", shape, {}, [{"padding": each} for each in cropping])
    variants(f"UpSampling{rank}D", shape, {}, [{"size": 3}, {"size": (2, 3, 2)[:rank] if rank > 1 else 3}])
    if rank > 1:
        for kind in ["Cropping", "ZeroPadding", "UpSampling"]:
            variants(f"{kind}{rank}D", first, {}, [both])
        variants(f"SpatialDropout{rank}D", shape, {"rate": 0.5}, [both])
    if rank < 3:
        separate = [change for change in common if "groups" not in change]
        variants(f"DepthwiseConv{rank}D", shape, {"kernel_size": 3}, [*separate, {"depth_multiplier": 2}])
        variants(f"DepthwiseConv{rank}D", first, {"kernel_size": 3}, [both])
        variants(f"SeparableConv{rank}D", shape, base, [*separate, {"depth_multiplier": 2}])
        variants(f"SeparableConv{rank}D", first, base, [both])
variants("SpatialDropout1D", (5, 3), {"rate": 0.5}, [])
variants("ZeroPadding1D", (4, 9), {}, [both])
variants("UpSampling2D", (4, 3, 2), {}, [{"interpolation": each} for each in ["nearest", "bilinear", "bicubic", "lanczos3", "lanczos5"]])
variants("Reshape", (6, 4), {"target_shape": (4, 6)}, [{"target_shape": (-1,)}, {"target_shape": (2, -1, 3)}])
variants("Permute", (6, 4, 3), {"dims": (2, 1, 3)}, [{"dims": (3, 1, 2)}])
variants("RepeatVector", (4,), {"n": 3}, [])
variants("Flatten", (3, 4, 2), {}, [both])
variants("Flatten", (5,), {}, [])

variants("ReLU", (6,), {}, [{"max_value": 1.0}, {"negative_slope": 0.2}, {"threshold": 0.5}])
variants("LeakyReLU", (6,), {}, [{"negative_slope": 0.1}])
variants("PReLU", (6,), {}, [])
variants("PReLU", (4, 3, 2), {}, [{"shared_axes": [1, 2]}])
variants("ELU", (6,), {}, [{"alpha": 0.5}])
variants("Softmax", (6,), {}, [{"axis": 1}])
variants("Softmax", (4, 3), {}, [{"axis": 1}, {"axis": (1, 2)}])

for rank, shape in [(1, (5,)), (2, (4, 5)), (3, (4, 3, 5)), (4, (4, 3, 2, 5))]:
    variants("BatchNormalization", shape, {}, [{"axis": 1}, {"epsilon": 0.1}, {"center": False}, {"scale": False}, {"momentum": 0.5}, {"renorm": True}, {"renorm": True, "renorm_clipping": {"rmax": 2.0}}, {"renorm": True, "renorm_momentum": 0.5}, {"synchronized": True}])
    variants("LayerNormalization", shape, {}, [{"axis": 1}, {"epsilon": 0.1}, {"center": False}, {"scale": False}, *([{"axis": (1, 2)}] if rank > 1 else [])])
    variants("RMSNormalization", shape, {}, [{"axis": 1}, {"epsilon": 0.1}])
    variants("UnitNormalization", shape, {}, [{"axis": 1}])
variants("GroupNormalization", (4, 6), {"groups": 2}, [{"axis": 1}, {"epsilon": 0.1}, {"center": False}, {"scale": False}])
variants("SpectralNormalization", (6,), {"layer": lambda: layers.Dense(3)}, [{"power_iterations": 2}])

for name in ["Dropout", "GaussianDropout", "AlphaDropout"]:
    variants(name, (4, 3), {"rate": 0.4}, [] if name == "GaussianDropout" else [{"noise_shape": (None, 1, 3)}])
variants("GaussianNoise", (4, 3), {"stddev": 0.4}, [])
variants("ActivityRegularization", (4, 3), {}, [{"l1": 0.1}, {"l2": 0.1}])

for name in ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum"]:
    variants(name, (4, 3), {}, [], branches=2)
    if name != "Subtract":
        variants(name, (5,), {}, [], branches=3)
variants("Concatenate", (4, 3), {}, [{"axis": 1}, {"axis": 2}], branches=3)
variants("Dot", (4,), {"axes": 1}, [{"normalize": True}, {"axes": -1}], branches=2)
variants("Dot", (4, 4), {"axes": (1, 2)}, [{"axes": (2, 1)}, {"axes": 1}, {"axes": 2}, {"axes": (2, 1), "normalize": True}], branches=2)
variants("Attention", (4, 3), {}, [{"use_scale": True}, {"score_mode": "concat"}, {"dropout": 0.3}], branches=2)
variants("AdditiveAttention", (4, 3), {}, [{"use_scale": False}, {"dropout": 0.3}], branches=2)

recurrent = [{"return_sequences": True}, {"return_state": True}, {"return_sequences": True, "return_state": True}, {"go_backwards": True}, {"go_backwards": True, "return_sequences": True}, {"unroll": True}, {"activation": "relu"}, {"use_bias": False}, {"dropout": 0.3}, {"recurrent_dropout": 0.3}]
gated = [{"recurrent_activation": "tanh"}, {"recurrent_activation": "hard_sigmoid"}, {"use_cudnn": False}]
variants("SimpleRNN", (5, 3), {"units": 4}, recurrent)
variants("LSTM", (5, 3), {"units": 4}, [*recurrent, *gated, {"unit_forget_bias": False}])
variants("GRU", (5, 3), {"units": 4}, [*recurrent, *gated, {"reset_after": False}, {"reset_after": False, "return_sequences": True}])
for kind in [lambda: layers.SimpleRNNCell(4), lambda: layers.LSTMCell(4), lambda: layers.GRUCell(4), lambda: layers.StackedRNNCells([layers.LSTMCell(4), layers.GRUCell(3)])]:
    variants("RNN", (5, 3), {"cell": kind}, [{"return_sequences": True}, {"return_state": True}, {"go_backwards": True}, {"unroll": True}, {"zero_output_for_mask": True}])
for rank, shape in [(1, (3, 6, 2)), (2, (3, 6, 5, 2)), (3, (3, 4, 4, 4, 2))]:
    variants(f"ConvLSTM{rank}D", shape, {"filters": 2, "kernel_size": 3}, [{"padding": "same"}, {"strides": 2}, {"dilation_rate": 2}, {"return_sequences": True}, {"return_state": True}, {"go_backwards": True}, {"activation": "relu"}, {"recurrent_activation": "tanh"}, {"use_bias": False}, {"unit_forget_bias": False}, {"dropout": 0.3}, {"recurrent_dropout": 0.3}])
    variants(f"ConvLSTM{rank}D", (3, 2, *shape[1:-1]), {"filters": 2, "kernel_size": 3}, [both])
stateful = {"stateful": True}
for name, settings in [("SimpleRNN", {"units": 4}), ("LSTM", {"units": 4}), ("GRU", {"units": 4}), ("RNN", {"cell": layers.LSTMCell(4)}), ("ConvLSTM1D", {"filters": 2, "kernel_size": 3}), ("ConvLSTM2D", {"filters": 2, "kernel_size": 3}), ("ConvLSTM3D", {"filters": 2, "kernel_size": 3})] if not wanted else []:
    try:
        shape = {"ConvLSTM1D": (3, 6, 2), "ConvLSTM2D": (3, 6, 5, 2), "ConvLSTM3D": (3, 4, 4, 4, 2)}.get(name, (5, 3))
        source = keras.Input(batch_shape=(4, *shape))
        save(name, "stateful=True", keras.Model(source, getattr(layers, name)(**settings, **stateful, name="tested")(source)), rows_of(shape))
        tried[name].add("stateful")
    except Exception as error:
        unbuildable[f"{name} {stateful}"] = str(error).split("\n")[0][:200]
for text, kind in [("LSTM", lambda: layers.LSTM(3)), ("GRU", lambda: layers.GRU(3)), ("GRU(reset_after=False)", lambda: layers.GRU(3, reset_after=False)), ("SimpleRNN", lambda: layers.SimpleRNN(3)), ("LSTM(return_sequences=True)", lambda: layers.LSTM(3, return_sequences=True)), ("GRU(return_sequences=True)", lambda: layers.GRU(3, return_sequences=True)), ("LSTM(return_state=True)", lambda: layers.LSTM(3, return_state=True)), ("LSTM(go_backwards=True)", lambda: layers.LSTM(3, go_backwards=True)), ("RNN", lambda: layers.RNN(layers.LSTMCell(3))), ("ConvLSTM1D", lambda: layers.ConvLSTM1D(2, 3))]:
    try_it = {"layer": kind}
    for change in [{}, *({"merge_mode": mode} for mode in ["sum", "mul", "ave", None])] if text in ("LSTM", "GRU(return_sequences=True)") else [{}]:
        try:
            try_layer("Bidirectional", (3, 6, 2) if text == "ConvLSTM1D" else (5, 3), {**try_it, **change}, text=", ".join([text, *(f"{key}={value!r}" for key, value in change.items())]))
        except Exception as error:
            unbuildable[f"Bidirectional {text} {change}"] = str(error).split("\n")[0][:200]
for text, forward, backward in [
    ("LSTM, backward_layer=LSTM", lambda: layers.LSTM(3), lambda: layers.LSTM(3, go_backwards=True)),
    ("LSTM, backward_layer=LSTM(activation='relu')", lambda: layers.LSTM(3), lambda: layers.LSTM(3, activation="relu", go_backwards=True)),
    ("LSTM, backward_layer=LSTM(5)", lambda: layers.LSTM(3), lambda: layers.LSTM(5, go_backwards=True)),
    ("LSTM, backward_layer=GRU", lambda: layers.LSTM(3), lambda: layers.GRU(3, go_backwards=True)),
    ("GRU, backward_layer=GRU(reset_after=False)", lambda: layers.GRU(3), lambda: layers.GRU(3, reset_after=False, go_backwards=True)),
]:
    try_layer("Bidirectional", (5, 3), {"layer": forward, "backward_layer": backward}, text=text)
for text, shape, kind in [
    ("Dense", (5, 3), lambda: layers.Dense(4, activation="tanh")), ("Conv2D", (3, 6, 5, 2), lambda: layers.Conv2D(3, 3)), ("BatchNormalization", (3, 4), lambda: layers.BatchNormalization()),
    ("BatchNormalization(axis=1)", (3, 4, 2), lambda: layers.BatchNormalization(axis=1)), ("Flatten", (3, 4, 2), lambda: layers.Flatten()), ("LSTM", (3, 4, 2), lambda: layers.LSTM(3)), ("GRU", (3, 4, 2), lambda: layers.GRU(3)), ("Bidirectional", (3, 4, 2), lambda: layers.Bidirectional(layers.GRU(3))),
    ("Dropout", (3, 4), lambda: layers.Dropout(0.5)), ("UpSampling2D(interpolation='bilinear')", (2, 3, 3, 1), lambda: layers.UpSampling2D(interpolation="bilinear")),
    ("Sequential", (3, 6, 5, 1), lambda: keras.Sequential([keras.Input((6, 5, 1)), layers.Conv2D(2, 3), layers.BatchNormalization(), layers.GlobalAveragePooling2D(), layers.Dense(3)])),
]:
    try_layer("TimeDistributed", shape, {"layer": kind}, text=text)

image = (6, 5, 3)
variants("Rescaling", image, {"scale": 0.5}, [{"offset": 1.0}, {"scale": [0.5, 1.0, 2.0]}, {"offset": [1.0, 2.0, 3.0]}])
variants("Normalization", (4,), {"mean": [1.0, 2.0, 3.0, 4.0], "variance": [1.0, 2.0, 3.0, 4.0]}, [{"invert": True}, {"axis": None, "mean": 1.0, "variance": 2.0}])
variants("Resizing", image, {"height": 4, "width": 4}, [{"interpolation": "nearest"}, {"interpolation": "bicubic"}, {"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True, "fill_mode": "constant", "fill_value": 1.0}, {"antialias": True}])
variants("Resizing", (3, 6, 5), {"height": 4, "width": 4}, [both])
variants("CenterCrop", image, {"height": 4, "width": 4}, [{"height": 3, "width": 4}, {"height": 9, "width": 8}])
variants("CenterCrop", (3, 6, 5), {"height": 4, "width": 4}, [both])
variants("CategoryEncoding", (3,), {"num_tokens": 5}, [{"output_mode": "one_hot"}, {"output_mode": "count"}, {"sparse": True}], whole=5)
variants("CategoryEncoding", (1,), {"num_tokens": 5}, [{"output_mode": "one_hot"}], whole=5)
variants("Discretization", (3,), {"bin_boundaries": [-0.5, 0.5]}, [{"output_mode": "one_hot"}, {"output_mode": "multi_hot"}])
variants("Hashing", (3,), {"num_bins": 5}, [{"output_mode": "multi_hot"}], whole=9)
variants("IntegerLookup", (3,), {"vocabulary": [1, 2, 3]}, [{"output_mode": "multi_hot"}], whole=5)
variants("EinsumDense", (4, 3), {"equation": "abc,cd->abd", "output_shape": (4, 2)}, [{"bias_axes": "d"}, {"activation": "relu"}])
variants("MultiHeadAttention", (4, 6), {"num_heads": 2, "key_dim": 3}, [], branches=2)
variants("GroupQueryAttention", (4, 6), {"head_dim": 3, "num_query_heads": 2, "num_key_value_heads": 1}, [], branches=2)
variants("ReversibleEmbedding", (4,), {"input_dim": 7, "output_dim": 3}, [{"tie_weights": False}], whole=7)
variants("MelSpectrogram", (4096,), {}, [])
variants("STFTSpectrogram", (600, 1), {}, [{"mode": "magnitude"}])
for name, settings in {
    "AugMix": {}, "AutoContrast": {}, "ContrastLimitedAdaptiveHistogramEqualization": {}, "CutMix": {}, "Equalization": {}, "MixUp": {}, "RandAugment": {}, "RandomBrightness": {"factor": 0.5}, "RandomColorDegeneration": {"factor": 0.5},
    "RandomColorJitter": {"brightness_factor": 0.5}, "RandomCrop": {"height": 4, "width": 4}, "RandomElasticTransform": {}, "RandomErasing": {}, "RandomGaussianBlur": {}, "RandomGrayscale": {}, "RandomHue": {"factor": 0.5},
    "RandomInvert": {}, "RandomPerspective": {}, "RandomPosterization": {"factor": 4}, "RandomSaturation": {"factor": 0.5}, "RandomSharpness": {"factor": 0.5}, "RandomShear": {}, "Solarization": {},
}.items():
    variants(name, image, settings, [])
moves = [{"interpolation": "nearest"}, {"fill_mode": "nearest"}, {"fill_mode": "constant", "fill_value": 1.0}, both]
variants("RandomFlip", image, {}, [{"mode": "horizontal"}, both])
variants("RandomContrast", image, {"factor": 0.5}, [{"value_range": (0, 1)}])
variants("RandomRotation", image, {"factor": 0.5}, moves)
variants("RandomTranslation", image, {"height_factor": 0.3, "width_factor": 0.3}, moves)
variants("RandomZoom", image, {"height_factor": 0.3}, [{"width_factor": 0.2}, *moves])


def model_case(text, model, rows, **options):
    save("models", text, model, rows, kind="model", **options)


def encoder(width, name=None):
    return keras.Sequential([keras.Input((width,)), layers.Dense(5, activation="tanh"), layers.Dense(3)], name=name)


def functional_encoder(width, name=None):
    source = keras.Input((width,))
    hidden = layers.Dense(5, activation="tanh")(source)
    return keras.Model(source, layers.Add()([layers.Dense(3)(hidden), layers.Dense(3)(hidden)]), name=name)


def shared(make, order):
    source = keras.Input((4,))
    left, right = layers.Dense(4, name="left")(source), layers.Dense(4, name="right")(source)
    inner = make(4)
    if order == "deeper first":
        ends = [inner(layers.Dense(4)(layers.Dense(4)(left))), inner(right)]
    elif order == "deeper last":
        ends = [inner(left), inner(layers.Dense(4)(layers.Dense(4)(right)))]
    else:
        ends = [inner(left), inner(right)]
    return source, inner, ends


for text, make in [("layer", lambda width: layers.Dense(3, activation="tanh")), ("sequential model", encoder), ("functional model", functional_encoder)]:
    for order in ["side by side", "deeper first", "deeper last"]:
        source, _, ends = shared(make, order)
        model_case(f"a {text} used twice, {order}", keras.Model(source, layers.Dense(2)(layers.Concatenate()(ends))), rows_of((4,)))
        source, _, (first, last) = shared(make, order)
        model_case(f"a {text} used twice, {order}, its difference", keras.Model(source, layers.Dot(1)([first, last])), rows_of((4,)))
    source, inner, (first, last) = shared(make, "side by side")
    model_case(f"a {text} used twice, once for the output", keras.Model(source, last), rows_of((4,)))
    if text != "layer":
        model_case(f"a {text} as the output", keras.Model(source, first), rows_of((4,)))
        model_case(f"a {text} in a sequential model", keras.Sequential([keras.Input((4,)), layers.Dense(4), make(4), layers.Dense(2)]), rows_of((4,)))
        model_case(f"a {text} first in a sequential model", keras.Sequential([make(4), layers.Dense(2)]), rows_of((4,)))

source = keras.Input((8, 8, 1))
hidden = layers.MaxPooling2D()(layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3)(layers.RandomFlip()(source)))))
base = keras.Model(source, hidden, name="base")
base.trainable = False
source = keras.Input((8, 8, 1))
model_case("transfer learning", keras.Model(source, layers.Dense(2, activation="softmax")(layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(base(source, training=False))))), rows_of((8, 8, 1)))
deeper = keras.Sequential([keras.Input((8, 8, 1)), base, layers.Flatten(), layers.Dense(4)], name="deeper")
source = keras.Input((8, 8, 1))
model_case("a model in a model in a model", keras.Model(source, layers.Dense(2)(deeper(source))), rows_of((8, 8, 1)))
partly = keras.Sequential([keras.Input((6,)), layers.Dense(5), layers.BatchNormalization(), layers.Dense(4), layers.BatchNormalization()], name="partly")
partly.layers[0].trainable = False
partly.layers[3].trainable = False
model_case("a model with frozen layers", keras.Sequential([keras.Input((6,)), partly, layers.Dense(2)]), rows_of((6,)))

source = keras.Input((5,))
left, right = layers.Dense(3, name="zz")(source), layers.Dense(3, name="aa")(source)
model_case("branches of the same kind at different depths", keras.Model(source, layers.Concatenate()([layers.Dense(3)(layers.Dense(3)(left)), right, layers.Dense(3)(right)])), rows_of((5,)))
model_case("layers named alike", keras.Sequential([keras.Input((4,)), layers.Dense(4, name="dense"), layers.Dense(4, name="dense_2"), layers.Dense(4, name="dense_1")]), rows_of((4,)))
source = keras.Input((4, 3))
model_case("merging tensors of different ranks", keras.Model(source, layers.Add()([layers.Dense(3)(source), layers.Dense(3)(layers.Flatten()(source))])), rows_of((4, 3)))
source = keras.Input((4, 3))
model_case("merging tensors that are stretched", keras.Model(source, layers.Multiply()([source, layers.Dense(1)(source)])), rows_of((4, 3)))
source = keras.Input((5, 3))
_, h, c = layers.LSTM(4, return_state=True)(source)
model_case("states of an LSTM start another", keras.Model(source, layers.LSTM(4)(source, initial_state=[h, c])), rows_of((5, 3)))
model_case("recurrent layers in a row", keras.Sequential([keras.Input((5, 3)), layers.Bidirectional(layers.LSTM(4, return_sequences=True)), layers.Bidirectional(layers.GRU(3)), layers.Dense(2)]), rows_of((5, 3)))

for text, tail in {
    "LSTM": lambda: [layers.LSTM(4)], "GRU": lambda: [layers.GRU(4)], "SimpleRNN": lambda: [layers.SimpleRNN(4)], "Bidirectional": lambda: [layers.Bidirectional(layers.LSTM(4))],
    "GlobalAveragePooling1D": lambda: [layers.GlobalAveragePooling1D()], "GlobalMaxPooling1D": lambda: [layers.GlobalMaxPooling1D()], "Flatten": lambda: [layers.Flatten(), layers.Dense(2)],
    "Conv1D": lambda: [layers.Conv1D(2, 3), layers.GlobalMaxPooling1D()], "Dense, LSTM": lambda: [layers.Dense(4), layers.Dropout(0.1), layers.LSTM(3)],
    "LSTM, LSTM": lambda: [layers.LSTM(4, return_sequences=True), layers.LSTM(3)], "TimeDistributed": lambda: [layers.TimeDistributed(layers.Dense(2))],
}.items():
    rows = rows_of((7,), 5)
    rows[:, 4:] = 0
    model_case(f"Embedding(mask_zero=True), {text}", keras.Sequential([keras.Input((7,)), layers.Embedding(5, 4, mask_zero=True), *tail()]), rows)
    rows = rows_of((6, 2))
    rows[:, 4:] = 0
    model_case(f"Masking, {text}", keras.Sequential([keras.Input((6, 2)), layers.Masking(), *tail()]), rows)
masked = keras.Sequential([keras.Input((7,)), layers.Embedding(5, 4, mask_zero=True)])
rows = rows_of((7,), 5)
rows[:, 4:] = 0
model_case("a model that masks, then GlobalAveragePooling1D", keras.Sequential([keras.Input((7,)), masked, layers.GlobalAveragePooling1D()]), rows)
source = keras.Input((7,))
model_case("a mask next to an LSTM that gets none", keras.Model(source, layers.Concatenate()([layers.Flatten()(layers.Embedding(5, 4, mask_zero=True)(source)), layers.LSTM(3)(layers.Embedding(5, 4)(source))])), rows)

source = keras.Input((4,))
model_case("operations on tensors: x + 1", keras.Model(source, layers.Dense(3)(source) + 1.0), rows_of((4,)))
source = keras.Input((4,))
model_case("operations on tensors: maximum", keras.Model(source, ops.maximum(layers.Dense(3)(source), layers.Dense(3)(source))), rows_of((4,)))
source = keras.Input((4,))
model_case("operations on tensors: mean", keras.Model(source, (ops.mean if is_new else ops.reduce_mean)(layers.Dense(3)(source), axis=1, keepdims=True)), rows_of((4,)))
source = keras.Input((4, 4))
model_case("a layer in training mode", keras.Model(source, layers.BatchNormalization()(source, training=True)), rows_of((4, 4)))
source = keras.Input((4,))
model_case("two outputs", keras.Model(source, [layers.Dense(2)(source), layers.Dense(3)(source)]), rows_of((4,)))


@serializable(package="Own")
class Dense(layers.Dense):
    def call(self, inputs):
        return 2 * super().call(inputs)


model_case("a user's layer with the name of one of Keras", keras.Sequential([keras.Input((4,)), Dense(3, name="tested")]), rows_of((4,)))


@serializable(package="Own")
def tanh(x):
    return 3 * x


model_case("a user's activation with the name of one of Keras", keras.Sequential([keras.Input((4,)), layers.Dense(3, activation=tanh, name="tested")]), rows_of((4,)))
model = keras.Sequential([keras.Input((4,)), layers.Dense(8)])
disturb(model)
with contextlib.suppress(Exception):
    model.quantize("int8")
    model_case("weights of 8 bits", model, rows_of((4,)))

names = {kind.__name__: kind for kind in vars(layers).values() if inspect.isclass(kind) and issubclass(kind, layers.Layer)}
aliases = {kind: name for name, kind in vars(layers).items() if inspect.isclass(kind) and name in tried}
settings = {
    aliases.get(kind, name): sorted(
        key for key in inspect.signature(kind.__init__).parameters
        if key not in {"self", "args", "kwargs", *unimportant} and not key.endswith(("_initializer", "_regularizer", "_constraint"))
    )
    for name, kind in names.items()
}
json.dump({
    "cases": cases, "unbuildable": unbuildable,
    "untried": {name: [key for key in keys if key not in tried.get(name, ())] for name, keys in settings.items() if not wanted},
    "untried_layers": sorted(set(settings) - {each["layer"] for each in cases}),
}, open(f"{out}/cases.json", "w"))
