// oneDNN is opened at the first call of any dnnl_* function, by stubs that
// cmake/bundle_onednn.py generates; callers include dnnl.h or dnnl.hpp and notice nothing.
#pragma once

namespace rl {

// Opens the library now. Throws std::runtime_error when that fails, as the first dnnl_* call would.
void load_onednn();

// Whether the library has been opened.
bool onednn_loaded() noexcept;

}  // namespace rl
