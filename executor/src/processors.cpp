// SPDX-License-Identifier: MIT
#include <eddy/detail/processors.hpp>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <initializer_list>
#include <string_view>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#include <unistd.h>
#endif

namespace eddy::inline v0_1::detail {

namespace {

/// Quota and period, in microseconds: a whole number of processors, rounded up. 0: no limit.
std::size_t processors_of(std::int64_t quota, std::int64_t period) {
    return quota > 0 && period > 0 ? static_cast<std::size_t>((quota - 1) / period + 1) : 0;
}

/// "50000 100000", or "max 100000".
std::size_t limit_of_version_2(const std::string& group) {
    std::ifstream file(group + "/cpu.max");
    std::int64_t quota = 0;
    std::int64_t period = 0;
    return file >> quota >> period ? processors_of(quota, period) : 0;
}

/// -1 is no quota.
std::size_t limit_of_version_1(const std::string& group) {
    std::ifstream quota_file(group + "/cpu.cfs_quota_us");
    std::ifstream period_file(group + "/cpu.cfs_period_us");
    std::int64_t quota = 0;
    std::int64_t period = 0;
    return quota_file >> quota && period_file >> period ? processors_of(quota, period) : 0;
}

/// The group and those around it, up to where the hierarchy is mounted. In a container whose paths
/// are the host's, only the last one is there.
template <class Limit>
std::size_t least_of_all(std::size_t most, const std::string& mount, std::string path, Limit&& of) {
    if (path.find("..") != std::string::npos) {
        path.clear();  // outside of what this process sees
    }
    while (true) {
        while (!path.empty() && path.back() == '/') {
            path.pop_back();
        }
        const std::size_t limit = of(mount + path);
        most = limit != 0 ? std::min(most, limit) : most;
        if (path.empty()) {
            return most;
        }
        path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
    }
}

bool has_controller(std::string_view list, std::string_view wanted) {
    while (!list.empty()) {
        const std::size_t comma = list.find(',');
        if (list.substr(0, comma) == wanted) {
            return true;
        }
        list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    }
    return false;
}

}  // namespace

std::size_t processors_within_quota(const std::string& root, std::size_t most) {
    const std::string groups = root + "/sys/fs/cgroup";
    std::ifstream file(root + "/proc/self/cgroup");
    for (std::string line; std::getline(file, line);) {  // "4:cpu,cpuacct:/a/b"; "0::/a/b"
        const std::size_t first = line.find(':');
        const std::size_t second = line.find(':', first + 1);
        if (first == std::string::npos || second == std::string::npos) {
            continue;
        }
        const std::string controllers = line.substr(first + 1, second - first - 1);
        const std::string path = line.substr(second + 1);
        if (controllers.empty()) {
            for (const char* const mount : {"", "/unified"}) {
                most = least_of_all(most, groups + mount, path, limit_of_version_2);
            }
        } else if (has_controller(controllers, "cpu")) {
            for (const char* const mount : {"/cpu", "/cpu,cpuacct", "/cpuacct,cpu"}) {
                most = least_of_all(most, groups + mount, path, limit_of_version_1);
            }
        }
    }
    return std::max<std::size_t>(most, 1);
}

std::size_t usable_processors() {
#if defined(__linux__)
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    std::size_t most = online > 0 ? static_cast<std::size_t>(online) : 1;
    cpu_set_t mask;
    CPU_ZERO(&mask);
    if (sched_getaffinity(0, sizeof mask, &mask) == 0) {  // fails beyond 1,024 processors
        most = std::min(most, static_cast<std::size_t>(std::max(CPU_COUNT(&mask), 1)));
    }
    return processors_within_quota({}, most);
#else
    return std::max<std::size_t>(1, std::thread::hardware_concurrency());
#endif
}

}  // namespace eddy::inline v0_1::detail
