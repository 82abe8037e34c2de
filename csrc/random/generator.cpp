#include "random/generator.h"

#include <pthread.h>

#include <cmath>
#include <cstring>
#include <random>

#include "core/error.h"

namespace rl::rng {
namespace {

// Offsets of the state's fields.
constexpr size_t kSeedAt = 0, kLeftAt = 8, kSeededAt = 12, kNextAt = 16, kWordsAt = 24;
constexpr size_t kNormalAt = 5024, kNormalValidAt = 5040, kFloatNormalAt = 5048,
                 kFloatValidAt = 5052;

// Little-endian whatever the machine.
template <class T>
void put(uint8_t* at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) at[i] = static_cast<uint8_t>(value >> (8 * i));
}

template <class T>
T take(const uint8_t* at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) value |= static_cast<T>(static_cast<T>(at[i]) << (8 * i));
  return value;
}

template <class To, class From>
To bits_of(From value) {
  static_assert(sizeof(To) == sizeof(From));
  To out;
  std::memcpy(&out, &value, sizeof(To));
  return out;
}

}  // namespace

uint64_t entropy_seed(bool reduced) {
  std::random_device device;
  const uint64_t value = (static_cast<uint64_t>(device()) << 32) | device();
  return reduced ? value & ((uint64_t{1} << 53) - 1) : value;
}

void CpuGenerator::manual_seed(uint64_t seed) {
  std::lock_guard<std::mutex> lock(mutex_);
  engine_.reseed(seed);
  spare_normal_.reset();
  spare_float_normal_.reset();
}

uint64_t CpuGenerator::seed() {
  const uint64_t value = entropy_seed(false);
  manual_seed(value);
  return value;
}

uint64_t CpuGenerator::initial_seed() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return engine_.seed();
}

void CpuGenerator::get_state(uint8_t* out) const {
  std::lock_guard<std::mutex> lock(mutex_);
  std::memset(out, 0, kStateBytes);
  put<uint64_t>(out + kSeedAt, engine_.seed());
  put<uint32_t>(out + kLeftAt, static_cast<uint32_t>(engine_.left()));
  put<uint32_t>(out + kSeededAt, 1);
  put<uint64_t>(out + kNextAt, engine_.next());
  for (int i = 0; i < Mt19937::kWords; ++i)
    put<uint64_t>(out + kWordsAt + 8 * static_cast<size_t>(i), engine_.words()[i]);
  put<uint64_t>(out + kNormalAt, bits_of<uint64_t>(spare_normal_.value_or(0.0)));
  put<uint32_t>(out + kNormalValidAt, spare_normal_.has_value());
  put<uint32_t>(out + kFloatNormalAt, bits_of<uint32_t>(spare_float_normal_.value_or(0.0f)));
  out[kFloatValidAt] = spare_float_normal_.has_value();
}

void CpuGenerator::set_state(const uint8_t* bytes, size_t size) {
  if (size != kStateBytes) {
    fail(ErrorKind::Runtime, "Expected a CPUGeneratorImplState of size ", kStateBytes,
         " but found the input RNG state size to be ", size);
  }
  const auto left = static_cast<int32_t>(take<uint32_t>(bytes + kLeftAt));
  const auto next = take<uint64_t>(bytes + kNextAt);
  if (take<uint32_t>(bytes + kSeededAt) == 0 || !Mt19937::plausible(left, next))
    fail(ErrorKind::Runtime, "Invalid mt19937 state");
  uint32_t words[Mt19937::kWords];
  for (int i = 0; i < Mt19937::kWords; ++i)
    words[i] = static_cast<uint32_t>(take<uint64_t>(bytes + kWordsAt + 8 * static_cast<size_t>(i)));

  std::lock_guard<std::mutex> lock(mutex_);
  engine_.restore(take<uint64_t>(bytes + kSeedAt), left, static_cast<uint32_t>(next), words);
  spare_normal_.reset();
  spare_float_normal_.reset();
  if (take<uint32_t>(bytes + kNormalValidAt) != 0)
    spare_normal_ = bits_of<double>(take<uint64_t>(bytes + kNormalAt));
  if (bytes[kFloatValidAt] != 0)
    spare_float_normal_ = bits_of<float>(take<uint32_t>(bytes + kFloatNormalAt));
}

Ref<CpuGenerator> CpuGenerator::clone() const {
  auto copy = make_ref<CpuGenerator>();
  std::lock_guard<std::mutex> lock(mutex_);
  copy->engine_ = engine_;
  copy->spare_normal_ = spare_normal_;
  copy->spare_float_normal_ = spare_float_normal_;
  return copy;
}

double CpuGenerator::normal_unit() {
  if (spare_normal_) {
    const double z = *spare_normal_;
    spare_normal_.reset();
    return z;
  }
  const double u1 = unit53();
  const double u2 = unit53();
  const double radius = std::sqrt(-2.0 * std::log1p(-u2));
  const double theta = 2.0 * 3.14159265358979323846 * u1;
  spare_normal_ = radius * std::sin(theta);
  return radius * std::cos(theta);
}

const Ref<CpuGenerator>& default_generator() {
  // Never destroyed: worker threads may still draw while the process ends.
  static const auto* instance = [] {
    const auto* made = new Ref<CpuGenerator>(make_ref<CpuGenerator>(entropy_seed(true)));
    // A child must not inherit the lock in the hands of a thread that it has not got.
    pthread_atfork([] { default_generator()->mutex().lock(); },
                   [] { default_generator()->mutex().unlock(); },
                   [] { default_generator()->mutex().unlock(); });
    return made;
  }();
  return *instance;
}

}  // namespace rl::rng
