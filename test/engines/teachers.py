# Models as others save them, and what they say about rows: python3 teachers.py OUT
import json
import os
import sys

os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras
import numpy as np
import onnx
import tensorflow
import tf_keras
from keras import layers
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

out = sys.argv[1]
random = np.random.default_rng(1)
keras.utils.set_random_seed(1)
rows = {"table": random.standard_normal((20, 10)).astype("float32"), "images": random.random((20, 8, 8, 1)).astype("float32")}
answers = {}


def disturb(model):
    """Weights that no layer starts with, so that one in another's place would show."""
    for layer in model.layers:
        if isinstance(layer, (keras.Model, tf_keras.Model)):
            disturb(layer)
            continue
        names = [getattr(weight, "path", weight.name) for weight in layer.weights]
        values = [value + 0.2 * random.standard_normal(value.shape) for value in layer.get_weights()]
        layer.set_weights([np.abs(value) + 0.5 if "variance" in name else value for name, value in zip(names, values)])


def save(name, model, kind, export):
    disturb(model)
    model.save(f"{out}/{name}.keras")
    model.save(f"{out}/{name}.h5")
    export(model, f"{out}/{name}")
    answers[name] = {"rows": kind, "outputs": model.predict(rows[kind], verbose=0).tolist()}


def export(model, path):
    model.export(path, verbose=False)


save("table", keras.Sequential([
    keras.Input((10,)), layers.Dense(8, activation="tanh"), layers.BatchNormalization(), layers.Dropout(0.2),
    layers.LayerNormalization(), layers.Dense(6, activation="silu"), layers.LeakyReLU(negative_slope=0.1), layers.Dense(1),
]), "table", export)

pixels = keras.Input((8, 8, 1), name="pixels")
first = layers.Conv2D(4, 3, padding="same", kernel_regularizer="l2", name="first")(layers.Rescaling(2.0, offset=-1.0)(pixels))
trunk = layers.ReLU()(layers.BatchNormalization()(first))
branch = layers.Conv2D(4, 1, activation="gelu")(layers.DepthwiseConv2D(3, padding="same")(trunk))
pooled = layers.GlobalAveragePooling2D()(layers.SeparableConv2D(6, 3, padding="same", activation="elu")(layers.MaxPooling2D(2)(layers.Add()([branch, trunk]))))
save("branches", keras.Model(pixels, layers.Dense(3)(layers.Concatenate()([pooled, layers.Dense(2)(pooled)]))), "images", export)

save("recurrent", keras.Sequential([keras.Input((8, 8, 1)), layers.Reshape((8, 8)), layers.LSTM(5), layers.Dense(3, activation="softmax")]), "images", export)

old = tf_keras.layers
inner = tf_keras.Sequential([tf_keras.Input((8, 8, 1)), old.Conv2D(4, 3, padding="same"), old.BatchNormalization(), old.Conv2D(4, 3), old.BatchNormalization(), old.ReLU()], name="inner")
inner.trainable = False
nested = tf_keras.Sequential([inner, old.Flatten(), old.Dense(3, activation="softmax")])
nested.build((None, 8, 8, 1))
save("nested", nested, "images", lambda model, path: model.save(path))

keras.Sequential([keras.Input((10,)), layers.Dense(4, activation="hard_sigmoid"), layers.Dense(1)]).save(f"{out}/hard.keras")
keras.Sequential([keras.Input((10,)), layers.Normalization(mean=0.0, variance=1.0), layers.Dense(1)]).save(f"{out}/unknown.keras")
keras.Sequential([keras.Input((10,)), layers.Dense(1)]).save_weights(f"{out}/only.weights.h5")


def save_onnx(name, kind, nodes, inputs, outputs, weights, feed):
    graph = helper.make_graph(nodes, name, inputs, outputs, [numpy_helper.from_array(value.astype("float32"), key) for key, value in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, f"{out}/{name}.onnx")
    answers[name] = {"rows": kind, "outputs": ReferenceEvaluator(model).run(["y"], {inputs[0].name: feed})[0].tolist()}


def tensor(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


normal = random.standard_normal
save_onnx(
    "mlp", "table",
    [helper.make_node("Gemm", ["x", "w", "b"], ["h"]), helper.make_node("Tanh", ["h"], ["t"]), helper.make_node("MatMul", ["t", "v"], ["y"])],
    [tensor("x", ["rows", 10])], [tensor("y", ["rows", 1])], {"w": normal((10, 8)), "b": normal(8), "v": normal((8, 1))}, rows["table"])
# Channels first, and a label beside the probabilities, as other frameworks export.
save_onnx(
    "channels", "images",
    [helper.make_node("Conv", ["x", "k"], ["c"]), helper.make_node("Flatten", ["c"], ["f"]), helper.make_node("MatMul", ["f", "v"], ["l"]),
     helper.make_node("Softmax", ["l"], ["y"]), helper.make_node("ArgMax", ["l"], ["label"], axis=1)],
    [tensor("x", ["rows", 1, 8, 8])], [tensor("y", ["rows", 3]), tensor("label", ["rows", 1], TensorProto.INT64)],
    {"k": normal((2, 1, 3, 3)), "v": normal((72, 3))}, rows["images"].transpose(0, 3, 1, 2))
two = helper.make_model(helper.make_graph([helper.make_node("Add", ["a", "b"], ["y"])], "two", [tensor("a", ["rows", 10]), tensor("b", ["rows", 10])], [tensor("y", ["rows", 10])]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.save(two, f"{out}/two.onnx")
fixed = helper.make_model(helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "fixed", [tensor("x", [1, 10])], [tensor("y", [1, 10])]), opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
onnx.save(fixed, f"{out}/fixed.onnx")


class FixedRows(tensorflow.Module):
    @tensorflow.function(input_signature=[tensorflow.TensorSpec([4, 10], tensorflow.float32)])
    def __call__(self, x):
        return x[:, :1]


rows_of_four = FixedRows()
tensorflow.saved_model.save(rows_of_four, f"{out}/fixed", signatures=rows_of_four.__call__)

json.dump({"rows": {kind: {"shape": value.shape, "values": value.ravel().tolist()} for kind, value in rows.items()}, "answers": answers}, open(f"{out}/answers.json", "w"))
