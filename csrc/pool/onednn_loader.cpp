#include "onednn_loader.h"

#include <dlfcn.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string>

#include "pool.h"

// Defined by the generated stubs: names separated by NUL with an empty one at the end, and the
// addresses the stubs jump to, in the same order.
extern "C" {
extern const char rl_onednn_names[];
extern std::atomic<void*> rl_onednn_table[];
__attribute__((visibility("hidden"))) void rl_onednn_bind_all();
}

namespace {

std::mutex binding;
std::atomic<bool> bound{false};

// The library lies in `lib/` beside the module this code is part of.
std::string library_path() {
  Dl_info info{};
  dladdr(reinterpret_cast<void*>(&rl_onednn_bind_all), &info);
  std::string path = info.dli_fname ? info.dli_fname : "";
  const size_t slash = path.rfind('/');
  path.erase(slash == std::string::npos ? 0 : slash + 1);
  return (path.empty() ? "./" : path) + "lib/" RL_ONEDNN_FILE;
}

void* open_library() {
  // The library names librlpool.so, which is found because this module has it loaded; the call
  // keeps the linker from dropping it.
  rl::num_threads();
  void* library = dlopen(library_path().c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* reason = dlerror();
    throw std::runtime_error(std::string("cannot open the bundled oneDNN library: ") +
                             (reason ? reason : "unknown reason") + "; reinstall rushlight");
  }
  return library;
}

}  // namespace

void rl_onednn_bind_all() {
  std::lock_guard lock(binding);
  if (bound.load(std::memory_order_relaxed)) return;
  void* library = open_library();
  const char* name = rl_onednn_names;
  for (int i = 0; *name; ++i, name += strlen(name) + 1) {
    void* address = dlsym(library, name);
    if (!address)
      throw std::runtime_error(std::string("the bundled oneDNN library lacks ") + name +
                               "; reinstall rushlight");
    rl_onednn_table[i].store(address, std::memory_order_release);
  }
  bound.store(true, std::memory_order_release);
}

void rl::load_onednn() { rl_onednn_bind_all(); }

bool rl::onednn_loaded() noexcept { return bound.load(std::memory_order_acquire); }
