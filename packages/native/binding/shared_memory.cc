// Memory that processes of one host share: files without a name (memfd_create(2)), parts of which appear in the place
// of pages that JavaScript has already. Node-API and Linux only.
//
//   pageBytes: number
//   create(bytes: number): number                          a file of that length, which nobody can change
//   open(pid: number, fd: number, bytes: number): number   a file of that length, created so by another process
//   close(fd: number): void
//   show(view: TypedArray, fd: number, offset: number, isOwn: boolean): void    read-only unless it is its own
//   hide(view: TypedArray): void                           zeroed pages of this process in its place
//
// Views and offsets begin at pages. Everything throws what the system says.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "node_api.h"

namespace {

struct Thrown {};

void fail(napi_env env, const std::string& message) {
  napi_throw_error(env, nullptr, message.c_str());
  throw Thrown{};
}

void failed(napi_env env, const char* call) { fail(env, std::string(call) + ": " + std::strerror(errno)); }

void check(napi_env env, napi_status status, const char* what) {
  if (status != napi_ok) fail(env, std::string("shared memory: ") + what);
}

// A file that can be cut would end the processes that read it (SIGBUS), so its length is sealed.
constexpr int length_seals = F_SEAL_SHRINK | F_SEAL_GROW;

struct View {
  char* data;
  size_t bytes;
};

class Arguments {
 public:
  Arguments(napi_env env, napi_callback_info info) : env_(env) {
    size_t count = 4;
    check(env, napi_get_cb_info(env, info, &count, values_, nullptr, nullptr), "arguments");
  }

  int64_t number(int index) {
    int64_t value;
    check(env_, napi_get_value_int64(env_, values_[index], &value), "expected a number");
    return value;
  }

  bool boolean(int index) {
    bool value;
    check(env_, napi_get_value_bool(env_, values_[index], &value), "expected a boolean");
    return value;
  }

  /** The pages that begin with a Float32Array. */
  View pages(int index) {
    napi_typedarray_type type;
    size_t length;
    void* data;
    check(env_, napi_get_typedarray_info(env_, values_[index], &type, &length, &data, nullptr, nullptr), "expected a typed array");
    if (type != napi_float32_array) fail(env_, "shared memory: expected fp32");
    const size_t page = sysconf(_SC_PAGESIZE);
    if (reinterpret_cast<uintptr_t>(data) % page != 0) fail(env_, "shared memory: the view does not begin at a page");
    return {static_cast<char*>(data), (length * sizeof(float) + page - 1) / page * page};
  }

 private:
  napi_env env_;
  napi_value values_[4];
};

napi_value number_of(napi_env env, int64_t value) {
  napi_value result;
  check(env, napi_create_int64(env, value, &result), "a number");
  return result;
}

napi_value create(napi_env env, Arguments& given) {
  const int fd = memfd_create("stillhouse", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) failed(env, "memfd_create");
  if (ftruncate(fd, given.number(0)) != 0 || fcntl(fd, F_ADD_SEALS, length_seals | F_SEAL_SEAL) != 0) {
    const int reason = errno;
    ::close(fd);
    errno = reason;
    failed(env, "memfd_create");
  }
  return number_of(env, fd);
}

napi_value open(napi_env env, Arguments& given) {
  const std::string path = "/proc/" + std::to_string(given.number(0)) + "/fd/" + std::to_string(given.number(1));
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) failed(env, "open");
  // Only files made by memfd_create have seals. Reading beyond a file's end, or in huge pages that nobody has, would end
  // this process (SIGBUS).
  const int seals = fcntl(fd, F_GET_SEALS);
  struct stat about;
  const bool is_readable = seals >= 0 && (seals & length_seals) == length_seals && fstat(fd, &about) == 0 &&
                           about.st_size == given.number(2) && about.st_blksize == sysconf(_SC_PAGESIZE);
  if (!is_readable) {
    ::close(fd);
    fail(env, "shared memory: not such a file");
  }
  return number_of(env, fd);
}

napi_value close(napi_env env, Arguments& given) {
  ::close(given.number(0));
  return nullptr;
}

napi_value show(napi_env env, Arguments& given) {
  const View view = given.pages(0);
  const int protection = given.boolean(3) ? PROT_READ | PROT_WRITE : PROT_READ;
  if (mmap(view.data, view.bytes, protection, MAP_SHARED | MAP_FIXED, given.number(1), given.number(2)) == MAP_FAILED)
    failed(env, "mmap");
  return nullptr;
}

napi_value hide(napi_env env, Arguments& given) {
  const View view = given.pages(0);
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
  if (mmap(view.data, view.bytes, PROT_READ | PROT_WRITE, flags, -1, 0) == MAP_FAILED) failed(env, "mmap");
  return nullptr;
}

template <napi_value (*work)(napi_env, Arguments&)>
napi_value guarded(napi_env env, napi_callback_info info) {
  try {
    Arguments given(env, info);
    return work(env, given);
  } catch (const Thrown&) {
    return nullptr;
  }
}

template <napi_value (*work)(napi_env, Arguments&)>
void add(napi_env env, napi_value exports, const char* name) {
  napi_value function;
  check(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, guarded<work>, nullptr, &function), name);
  check(env, napi_set_named_property(env, exports, name, function), name);
}

}  // namespace

NAPI_MODULE_INIT() {
  try {
    add<create>(env, exports, "create");
    add<open>(env, exports, "open");
    add<close>(env, exports, "close");
    add<show>(env, exports, "show");
    add<hide>(env, exports, "hide");
    check(env, napi_set_named_property(env, exports, "pageBytes", number_of(env, sysconf(_SC_PAGESIZE))), "pageBytes");
  } catch (const Thrown&) {
  }
  return exports;
}
