// What TensorFlow logs to standard error, less what is not severe enough. TensorFlow logs by Abseil, already while it is
// being loaded, before anything could set a level: so this is loaded first, with its symbols for all (RTLD_GLOBAL), and
// its WriteToStderr takes the place of Abseil's.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "node_api.h"

// ABSL_VERSION is the inline namespace of the library's release of Abseil, as in absl::lts_20250814.
namespace absl {
inline namespace ABSL_VERSION {

/** 0 information, 1 a warning, 2 an error, 3 a fatal error. */
enum class LogSeverity : int;

namespace log_internal {

/** Writes a message at once, so that the last one before a crash is not lost. */
void WriteToStderr(std::string_view message, LogSeverity severity) {
  const char* least = std::getenv("TF_CPP_MIN_LOG_LEVEL");
  if (least != nullptr && static_cast<int>(severity) < std::atoi(least)) return;
  std::fwrite(message.data(), message.size(), 1, stderr);
}

}  // namespace log_internal
}  // namespace ABSL_VERSION
}  // namespace absl

namespace {

napi_value start(napi_env, napi_value exports) { return exports; }

}  // namespace

NAPI_MODULE(log_level, start)
