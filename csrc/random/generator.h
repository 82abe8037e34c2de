// The generator object behind rushlight.Generator("cpu"): an engine, the spare normals and a lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

#include "core/ref.h"
#include "random/mt19937.h"

namespace rl::rng {

class CpuGenerator final : public RefCounted {
 public:
  static constexpr uint64_t kDefaultSeed = 67280421310721ULL;
  static constexpr size_t kStateBytes = 5056;

  explicit CpuGenerator(uint64_t seed = kDefaultSeed) : engine_(seed) {}

  // Reseeding forgets the spare normals.
  void manual_seed(uint64_t seed);
  // Reseeds from the system's entropy and returns the seed.
  uint64_t seed();
  uint64_t initial_seed() const;

  // The byte layout of torch.get_rng_state(): 5056 bytes, little-endian.
  void get_state(uint8_t* out) const;
  // Throws when the size is wrong or the engine's position impossible; the generator is then
  // unchanged.
  void set_state(const uint8_t* bytes, size_t size);
  Ref<CpuGenerator> clone() const;

  // Held for the whole of a fill, so that concurrent fills take turns.
  std::mutex& mutex() const { return mutex_; }

  // The following expect the caller to hold mutex().
  Mt19937& engine() { return engine_; }
  double unit53() {
    return static_cast<double>(engine_.next64() & ((uint64_t{1} << 53) - 1)) * 0x1p-53;
  }
  float unit24() { return static_cast<float>(engine_.next32() & 0xFFFFFFU) * 0x1p-24f; }
  // A standard normal by Box-Muller in double; every second call returns the spare of the one
  // before.
  double normal_unit();

 private:
  mutable std::mutex mutex_;
  Mt19937 engine_;
  std::optional<double> spare_normal_;
  std::optional<float>
      spare_float_normal_;  // set by nothing here; kept so that a state survives a round trip
};

// 64 bits from the system; with `reduced` only 53 significant ones, as torch.seed() promises.
uint64_t entropy_seed(bool reduced);

// The generator used where none is given; seeded differently in each process until manual_seed.
const Ref<CpuGenerator>& default_generator();

}  // namespace rl::rng
