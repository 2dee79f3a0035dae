// A TensorFlow session to which graphs are added, run on memory that JavaScript owns: inputs are read where they are
// stored, outputs are copied into buffers that the caller gives. Variables live in the session, on its device. Node-API
// and TensorFlow's C API only.
//
//   open(config: Uint8Array): External, a session
//   add(session: External, graph: Uint8Array, inputs: {name, dtype, shape}[], outputs: string[], targets: string[]):
//     External, a call
//   run(call: External, inputs: TypedArray[], outputs: Float32Array[]): boolean
//   close(session: External): void
//   pin(memory: TypedArray): boolean
//
// run() executes the targets, copies the outputs (fp32) and returns whether every value was finite. It throws what
// TensorFlow says. close() frees a session's memory at once, and its calls cannot run any more; otherwise that happens
// when it and all of its calls are collected. pin() lets a GPU of NVIDIA read memory without a copy by the processor,
// for as long as the process lives, so the memory must stay as well; it returns whether it could.
#include <dlfcn.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "node_api.h"
#include "tensorflow/c/c_api.h"

namespace {

struct Thrown {};

void fail(napi_env env, const std::string& message) {
  napi_throw_error(env, nullptr, message.c_str());
  throw Thrown{};
}

void check(napi_env env, napi_status status, const char* what) {
  if (status == napi_ok) return;
  bool pending = false;
  napi_is_exception_pending(env, &pending);
  if (pending) throw Thrown{};
  fail(env, std::string("graph session: ") + what);
}

/** A TF_Status that throws. */
class Status {
 public:
  explicit Status(napi_env env) : env_(env), status_(TF_NewStatus(), TF_DeleteStatus) {}
  TF_Status* get() { return status_.get(); }
  void check() {
    if (TF_GetCode(status_.get()) != TF_OK) fail(env_, TF_Message(status_.get()));
  }

 private:
  napi_env env_;
  std::unique_ptr<TF_Status, decltype(&TF_DeleteStatus)> status_;
};

struct Input {
  TF_Output place;
  TF_DataType type;
  std::vector<int64_t> shape;
  size_t bytes;
};

struct Session {
  TF_Graph* graph = nullptr;
  TF_Session* session = nullptr;

  ~Session() { close(); }

  void close() {
    std::unique_ptr<TF_Status, decltype(&TF_DeleteStatus)> status(TF_NewStatus(), TF_DeleteStatus);
    if (session != nullptr) TF_DeleteSession(session, status.get());
    if (graph != nullptr) TF_DeleteGraph(graph);
    session = nullptr;
    graph = nullptr;
  }
};

/** What is run together: a part of the session's graph. */
struct Call {
  std::shared_ptr<Session> session;
  std::vector<Input> inputs;
  std::vector<TF_Output> outputs;
  std::vector<TF_Operation*> targets;
};

/**
 * Numbers below the normal range count as zero while it lives, in this thread as in TensorFlow's own threads, so that
 * bits do not depend on which of them computes.
 */
class FlushDenormals {
 public:
#if defined(__x86_64__)
  FlushDenormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
  ~FlushDenormals() { _mm_setcsr(before_); }

 private:
  unsigned before_;
#elif defined(__aarch64__)
  FlushDenormals() {
    asm volatile("mrs %0, fpcr" : "=r"(before_));
    asm volatile("msr fpcr, %0" : : "r"(before_ | (1ull << 24)));
  }
  ~FlushDenormals() { asm volatile("msr fpcr, %0" : : "r"(before_)); }

 private:
  uint64_t before_;
#endif
};

struct Bytes {
  void* data;
  size_t length;
};

size_t size_of(napi_typedarray_type type) {
  switch (type) {
    case napi_float32_array:
    case napi_int32_array:
    case napi_uint32_array:
      return 4;
    case napi_int8_array:
    case napi_uint8_array:
    case napi_uint8_clamped_array:
      return 1;
    default:
      return 8;
  }
}

Bytes bytes_of(napi_env env, napi_value value) {
  napi_typedarray_type type;
  size_t length;
  void* data;
  check(env, napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr), "expected a typed array");
  return {data, length * size_of(type)};
}

std::string string_of(napi_env env, napi_value value) {
  size_t length;
  check(env, napi_get_value_string_utf8(env, value, nullptr, 0, &length), "expected a string");
  std::string text(length, '\0');
  check(env, napi_get_value_string_utf8(env, value, &text[0], length + 1, &length), "expected a string");
  return text;
}

template <typename Visit>
void for_each(napi_env env, napi_value list, Visit visit) {
  uint32_t count;
  check(env, napi_get_array_length(env, list, &count), "expected an array");
  for (uint32_t i = 0; i < count; i++) {
    napi_value item;
    check(env, napi_get_element(env, list, i, &item), "expected an element");
    visit(item);
  }
}

napi_value property(napi_env env, napi_value object, const char* name) {
  napi_value value;
  check(env, napi_get_named_property(env, object, name, &value), name);
  return value;
}

/** "name" or "name:index". */
TF_Output output_of(napi_env env, TF_Graph* graph, const std::string& name) {
  const size_t colon = name.find(':');
  TF_Operation* operation = TF_GraphOperationByName(graph, name.substr(0, colon).c_str());
  if (operation == nullptr) fail(env, "graph session: no node " + name);
  return {operation, colon == std::string::npos ? 0 : std::stoi(name.substr(colon + 1))};
}

template <typename Value>
napi_value external_of(napi_env env, std::unique_ptr<Value> value) {
  napi_value handle;
  check(env, napi_create_external(env, value.get(), [](napi_env, void* data, void*) { delete static_cast<Value*>(data); }, nullptr, &handle), "handle");
  value.release();
  return handle;
}

template <typename Value>
Value& external_in(napi_env env, napi_value handle) {
  void* data;
  check(env, napi_get_value_external(env, handle, &data), "expected a handle");
  return *static_cast<Value*>(data);
}

napi_value open(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arguments[1];
  check(env, napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr), "arguments");
  Status status(env);
  auto session = std::make_shared<Session>();
  session->graph = TF_NewGraph();
  std::unique_ptr<TF_SessionOptions, decltype(&TF_DeleteSessionOptions)> options(TF_NewSessionOptions(), TF_DeleteSessionOptions);
  const Bytes config = bytes_of(env, arguments[0]);
  TF_SetConfig(options.get(), config.data, config.length, status.get());
  status.check();
  session->session = TF_NewSession(session->graph, options.get(), status.get());
  status.check();
  return external_of(env, std::make_unique<std::shared_ptr<Session>>(std::move(session)));
}

napi_value add(napi_env env, napi_callback_info info) {
  size_t count = 5;
  napi_value arguments[5];
  check(env, napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr), "arguments");
  Status status(env);
  auto call = std::make_unique<Call>();
  call->session = external_in<std::shared_ptr<Session>>(env, arguments[0]);
  TF_Graph* graph = call->session->graph;
  if (graph == nullptr) fail(env, "graph session: it is closed");

  const Bytes definition = bytes_of(env, arguments[1]);
  std::unique_ptr<TF_Buffer, decltype(&TF_DeleteBuffer)> buffer(TF_NewBufferFromString(definition.data, definition.length), TF_DeleteBuffer);
  std::unique_ptr<TF_ImportGraphDefOptions, decltype(&TF_DeleteImportGraphDefOptions)> import_options(TF_NewImportGraphDefOptions(), TF_DeleteImportGraphDefOptions);
  TF_GraphImportGraphDef(graph, buffer.get(), import_options.get(), status.get());
  status.check();

  for_each(env, arguments[2], [&](napi_value item) {
    Input input;
    input.place = output_of(env, graph, string_of(env, property(env, item, "name")));
    int32_t type;
    check(env, napi_get_value_int32(env, property(env, item, "dtype"), &type), "dtype");
    input.type = static_cast<TF_DataType>(type);
    input.bytes = TF_DataTypeSize(input.type);
    for_each(env, property(env, item, "shape"), [&](napi_value size) {
      int64_t dimension;
      check(env, napi_get_value_int64(env, size, &dimension), "shape");
      input.shape.push_back(dimension);
      input.bytes *= dimension;
    });
    call->inputs.push_back(std::move(input));
  });
  for_each(env, arguments[3], [&](napi_value item) { call->outputs.push_back(output_of(env, graph, string_of(env, item))); });
  for_each(env, arguments[4], [&](napi_value item) { call->targets.push_back(output_of(env, graph, string_of(env, item)).oper); });
  return external_of(env, std::move(call));
}

/** Copies numbers bit by bit; returns whether all of them are finite. */
bool copy_finite(const void* from, void* to, size_t length) {
  uint32_t infinite = 0;
  for (size_t i = 0; i < length; i++) {
    uint32_t bits;
    std::memcpy(&bits, static_cast<const char*>(from) + 4 * i, 4);
    infinite |= (bits & 0x7f800000u) == 0x7f800000u;
    std::memcpy(static_cast<char*>(to) + 4 * i, &bits, 4);
  }
  return infinite == 0;
}

/** Tensors that are deleted together. */
struct Tensors {
  explicit Tensors(size_t count) : list(count, nullptr) {}
  ~Tensors() {
    for (TF_Tensor* tensor : list)
      if (tensor != nullptr) TF_DeleteTensor(tensor);
  }
  std::vector<TF_Tensor*> list;
};

napi_value run(napi_env env, napi_callback_info info) {
  size_t count = 3;
  napi_value arguments[3];
  check(env, napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr), "arguments");
  const Call& call = external_in<Call>(env, arguments[0]);
  if (call.session->session == nullptr) fail(env, "graph session: it is closed");

  Tensors fed(call.inputs.size());
  std::vector<TF_Output> places;
  for_each(env, arguments[1], [&](napi_value item) {
    const size_t i = places.size();
    if (i == call.inputs.size()) fail(env, "graph session: too many inputs");
    const Input& input = call.inputs[i];
    const Bytes bytes = bytes_of(env, item);
    if (bytes.length != input.bytes) fail(env, "graph session: input " + std::to_string(i) + " has " + std::to_string(bytes.length) + " bytes, expected " + std::to_string(input.bytes));
    // Memory that is not aligned as TensorFlow wants it is copied by TF_NewTensor.
    fed.list[i] = TF_NewTensor(input.type, input.shape.data(), static_cast<int>(input.shape.size()), bytes.data, bytes.length, [](void*, size_t, void*) {}, nullptr);
    if (fed.list[i] == nullptr) fail(env, "graph session: input " + std::to_string(i) + " cannot be made a tensor");
    places.push_back(input.place);
  });
  if (places.size() != call.inputs.size()) fail(env, "graph session: inputs are missing");

  Status status(env);
  Tensors fetched(call.outputs.size());
  // RunOptions.inter_op_thread_pool = -1: nodes run in the calling thread, one after the other.
  static const uint8_t in_caller[] = {0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
  static const TF_Buffer run_options = {in_caller, sizeof(in_caller), nullptr};
  FlushDenormals flush;
  TF_SessionRun(call.session->session, &run_options, places.data(), fed.list.data(), static_cast<int>(places.size()), call.outputs.data(), fetched.list.data(),
                static_cast<int>(call.outputs.size()), call.targets.data(), static_cast<int>(call.targets.size()), nullptr, status.get());
  status.check();

  bool all_finite = true;
  size_t next = 0;
  for_each(env, arguments[2], [&](napi_value item) {
    if (next == fetched.list.size()) fail(env, "graph session: too many outputs");
    TF_Tensor* tensor = fetched.list[next++];
    const Bytes out = bytes_of(env, item);
    if (TF_TensorType(tensor) != TF_FLOAT || TF_TensorByteSize(tensor) != out.length) fail(env, "graph session: output " + std::to_string(next - 1) + " does not fit its buffer");
    all_finite &= copy_finite(TF_TensorData(tensor), out.data, out.length / 4);
  });
  napi_value result;
  check(env, napi_get_boolean(env, all_finite, &result), "result");
  return result;
}

napi_value close(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arguments[1];
  check(env, napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr), "arguments");
  external_in<std::shared_ptr<Session>>(env, arguments[0])->close();
  return nullptr;
}

napi_value pin(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value arguments[1];
  check(env, napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr), "arguments");
  const Bytes memory = bytes_of(env, arguments[0]);
  // The CUDA that TensorFlow has loaded, if it has.
  void* cuda = dlopen("libcudart.so.12", RTLD_LAZY | RTLD_NOLOAD);
  auto host_register = cuda == nullptr ? nullptr : reinterpret_cast<int (*)(void*, size_t, unsigned)>(dlsym(cuda, "cudaHostRegister"));
  const unsigned portable = 1;
  napi_value result;
  check(env, napi_get_boolean(env, host_register != nullptr && host_register(memory.data, memory.length, portable) == 0, &result), "result");
  return result;
}

template <napi_value (*Work)(napi_env, napi_callback_info)>
napi_value guarded(napi_env env, napi_callback_info info) {
  try {
    return Work(env, info);
  } catch (const Thrown&) {
    return nullptr;
  }
}

napi_value start(napi_env env, napi_value exports) {
  const napi_property_descriptor functions[] = {
      {"open", nullptr, guarded<open>, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"add", nullptr, guarded<add>, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"run", nullptr, guarded<run>, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"close", nullptr, guarded<close>, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
      {"pin", nullptr, guarded<pin>, nullptr, nullptr, nullptr, napi_enumerable, nullptr},
  };
  napi_define_properties(env, exports, 5, functions);
  return exports;
}

}  // namespace

NAPI_MODULE(graph_session, start)
