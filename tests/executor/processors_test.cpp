// SPDX-License-Identifier: MIT
#include <eddy/detail/processors.hpp>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <thread>

#include <doctest/doctest.h>

#include <eddy/thread_pool.hpp>

#if defined(__linux__)
#include <sched.h>
#endif

namespace {

using eddy::detail::processors_within_quota;

/// A tree of files like that of a machine.
class FakeMachine final {
public:
    FakeMachine() {
        std::string name = (std::filesystem::temp_directory_path() / "eddy-groups-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()) != nullptr);
        root_ = name;
    }
    FakeMachine(const FakeMachine&) = delete;
    FakeMachine& operator=(const FakeMachine&) = delete;
    ~FakeMachine() { std::filesystem::remove_all(root_); }

    void write(const std::string& path, std::string_view text) const {
        const std::filesystem::path file = root_ + path;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file) << text;
    }
    [[nodiscard]] std::size_t processors(std::size_t most = 64) const {
        return processors_within_quota(root_, most);
    }

private:
    std::string root_;
};

}  // namespace

TEST_CASE("without control groups all processors may be used") {
    const FakeMachine machine;
    CHECK(machine.processors() == 64);
    machine.write("/proc/self/cgroup", "nonsense\n\n::\n");
    CHECK(machine.processors() == 64);
}

TEST_CASE("cpu.max is rounded up, and never below one") {
    const FakeMachine machine;
    machine.write("/proc/self/cgroup", "0::/\n");
    const auto with = [&](std::string_view text) {
        machine.write("/sys/fs/cgroup/cpu.max", text);
        return machine.processors();
    };
    CHECK(with("max 100000\n") == 64);
    CHECK(with("200000 100000\n") == 2);
    CHECK(with("150000 100000\n") == 2);
    CHECK(with("10000 100000\n") == 1);
    CHECK(with("6400001 100000\n") == 64);
    CHECK(with("25000 50000\n") == 1);
    CHECK(with("") == 64);
    CHECK(with("100000") == 64);
    CHECK(with("0 100000\n") == 64);
    CHECK(with("100000 0\n") == 64);
    CHECK(with("-1 100000\n") == 64);
}

TEST_CASE("the groups around a group limit it too") {
    const FakeMachine machine;
    machine.write("/proc/self/cgroup", "0::/system.slice/eddy.service/worker\n");
    machine.write("/sys/fs/cgroup/system.slice/eddy.service/worker/cpu.max", "800000 100000");
    CHECK(machine.processors() == 8);
    machine.write("/sys/fs/cgroup/system.slice/eddy.service/cpu.max", "max 100000");
    CHECK(machine.processors() == 8);
    machine.write("/sys/fs/cgroup/system.slice/cpu.max", "300000 100000");
    CHECK(machine.processors() == 3);
    CHECK(machine.processors(2) == 2);
}

TEST_CASE("a container whose paths are the host's is limited by what it sees of them") {
    const FakeMachine machine;
    machine.write("/proc/self/cgroup", "0::/docker/0123456789abcdef\n");
    machine.write("/sys/fs/cgroup/cpu.max", "400000 100000");
    CHECK(machine.processors() == 4);
    machine.write("/proc/self/cgroup", "0::/../../other\n");
    CHECK(machine.processors() == 4);
}

TEST_CASE("version 1, alone and beside version 2") {
    const FakeMachine machine;
    machine.write("/proc/self/cgroup",
                  "12:cpuset:/\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n"
                  "0::/system.slice\n");
    machine.write("/sys/fs/cgroup/cpuset/docker/abc/cpu.cfs_quota_us", "1");
    machine.write("/sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "-1");
    machine.write("/sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us", "100000");
    CHECK(machine.processors() == 64);
    machine.write("/sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us", "250000");
    CHECK(machine.processors() == 3);
    machine.write("/sys/fs/cgroup/unified/system.slice/cpu.max", "200000 100000");
    CHECK(machine.processors() == 2);
}

#if defined(__linux__)

TEST_CASE("a pool has no more threads than the affinity mask has processors") {
    cpu_set_t before;
    REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
    CHECK(eddy::detail::usable_processors() <= static_cast<std::size_t>(CPU_COUNT(&before)));
    cpu_set_t one;
    CPU_ZERO(&one);
    for (std::size_t i = 0; CPU_COUNT(&one) == 0; ++i) {
        if (CPU_ISSET(i, &before)) {
            CPU_SET(i, &one);
        }
    }
    std::size_t within = 0;
    std::thread([&] {  // the mask is the thread's
        REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
        within = eddy::detail::usable_processors();
    })
        .join();
    CHECK(within == 1);
}

#endif
