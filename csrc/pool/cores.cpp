#include "cores.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "pool.h"

namespace rl::pool {
namespace {

std::string read_line(const std::string& path) {
  std::string line;
  if (FILE* file = fopen(path.c_str(), "re")) {
    char buffer[512];
    if (fgets(buffer, sizeof buffer, file)) line = buffer;
    fclose(file);
  }
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
  return line;
}

std::vector<int> allowed_cpus() {
  std::vector<int> cpus;
  for (int capacity = CPU_SETSIZE; capacity <= (1 << 18); capacity *= 2) {
    cpu_set_t* set = CPU_ALLOC(capacity);
    if (!set) break;
    const size_t bytes = CPU_ALLOC_SIZE(capacity);
    const bool ok = sched_getaffinity(0, bytes, set) == 0;
    const int error = errno;
    if (ok)
      for (int cpu = 0; cpu < capacity; ++cpu)
        if (CPU_ISSET_S(cpu, bytes, set)) cpus.push_back(cpu);
    CPU_FREE(set);
    if (ok || error != EINVAL) break;  // EINVAL: the kernel's mask is larger than ours
  }
  return cpus;
}

// Hardware threads of one core share its vector units: a second one adds nothing to our kernels.
int physical_cores() {
  std::vector<std::string> cores;
  int unknown = 0;
  for (int cpu : allowed_cpus()) {
    std::string siblings = read_line("/sys/devices/system/cpu/cpu" + std::to_string(cpu) +
                                     "/topology/thread_siblings_list");
    if (siblings.empty()) {
      ++unknown;
    } else {
      cores.push_back(std::move(siblings));
    }
  }
  std::sort(cores.begin(), cores.end());
  cores.erase(std::unique(cores.begin(), cores.end()), cores.end());
  return std::max(1, static_cast<int>(cores.size()) + unknown);
}

int rounded_up(double quota, double period) {
  if (!(quota > 0) || !(period > 0)) return INT_MAX;
  const double cores = quota / period;
  if (cores >= kMaxThreads) return INT_MAX;
  const int whole = static_cast<int>(cores);
  return std::max(1, whole < cores ? whole + 1 : whole);
}

int quota_v2(const std::string& directory) {
  const std::string line = read_line(directory + "/cpu.max");  // "max 100000" or "150000 100000"
  double quota = 0, period = 0;
  if (sscanf(line.c_str(), "%lf %lf", &quota, &period) != 2) return INT_MAX;
  return rounded_up(quota, period);
}

int quota_v1(const std::string& directory) {
  const std::string quota = read_line(directory + "/cpu.cfs_quota_us");
  const std::string period = read_line(directory + "/cpu.cfs_period_us");
  if (quota.empty() || period.empty()) return INT_MAX;
  return rounded_up(atof(quota.c_str()), atof(period.c_str()));
}

// A limit may be set on the group itself or on any group around it.
template <typename Quota>
int smallest_quota(const std::string& root, std::string path, Quota quota) {
  int cores = quota(root);
  while (path.size() > 1) {
    cores = std::min(cores, quota(root + path));
    path.erase(path.rfind('/'));
  }
  return cores;
}

int cgroup_cores() {
  int cores = INT_MAX;
  FILE* file = fopen("/proc/self/cgroup", "re");
  if (!file) return cores;
  char buffer[4096];
  while (fgets(buffer, sizeof buffer, file)) {  // "0::/path" or "4:cpu,cpuacct:/path"
    buffer[strcspn(buffer, "\n")] = '\0';
    char* controllers = strchr(buffer, ':');
    char* path = controllers ? strchr(controllers + 1, ':') : nullptr;
    if (!path || path[1] != '/') continue;
    *path++ = '\0';
    const std::string names = std::string(",") + (controllers + 1) + ",";
    if (names == ",,") {
      cores = std::min(cores, smallest_quota("/sys/fs/cgroup", path, quota_v2));
    } else if (names.find(",cpu,") != std::string::npos) {
      cores = std::min(cores, smallest_quota("/sys/fs/cgroup/cpu", path, quota_v1));
    }
  }
  fclose(file);
  return cores;
}

// OMP_NUM_THREADS may list one number per nesting level ("4,2"): the first counts.
int from_environment(const char* name) {
  const char* text = getenv(name);
  if (!text) return 0;
  char* end = nullptr;
  const long value = strtol(text, &end, 10);
  while (*end == ' ' || *end == '\t') ++end;
  if (end == text || (*end != '\0' && *end != ',') || value < 1) return 0;
  return static_cast<int>(std::min<long>(value, kMaxThreads));
}

}  // namespace

int default_threads() noexcept {
  if (const int n = from_environment("RUSHLIGHT_NUM_THREADS")) return n;
  if (const int n = from_environment("OMP_NUM_THREADS")) return n;
  return usable_cores();
}

}  // namespace rl::pool

int rl::usable_cores() noexcept {
  static const int cores =
      std::min({pool::physical_cores(), pool::cgroup_cores(), rl::kMaxThreads});
  return cores;
}
