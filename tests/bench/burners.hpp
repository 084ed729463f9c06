// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

/// Load that comes from outside the loop: workers and programs that compute, a client that sends.
namespace bench::responsive {

[[nodiscard]] inline std::size_t processors() noexcept {
    return std::max<std::size_t>(1, std::thread::hardware_concurrency());
}

/// Computes until told to stop, and counts what it got done: units of about a microsecond.
inline void burn(const std::atomic<bool>& stop, std::atomic<std::uint64_t>& units) noexcept {
    std::uint64_t state = 1;
    while (!stop.load(std::memory_order_relaxed)) {
        for (int unit = 0; unit < 100; ++unit) {
            for (int i = 0; i < 1000; ++i) {
                state = state * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
            }
            asm volatile("" : "+r"(state));
        }
        units.fetch_add(100, std::memory_order_relaxed);
    }
}

/// Another program that burns every processor, as nice as this one. Forks: before any thread.
class Foreign final {
public:
    explicit Foreign(bool burning) {
        for (std::size_t i = 0; burning && i < processors(); ++i) {
            const pid_t child = fork();
            if (child == 0) {
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                const std::atomic<bool> stop{false};
                std::atomic<std::uint64_t> units{0};
                burn(stop, units);
                _exit(0);
            }
            children_.push_back(child);
        }
    }
    Foreign(const Foreign&) = delete;
    Foreign& operator=(const Foreign&) = delete;
    ~Foreign() {
        for (const pid_t child : children_) {
            if (child > 0) {
                kill(child, SIGKILL);
                waitpid(child, nullptr, 0);
            }
        }
    }

private:
    std::vector<pid_t> children_;
};

/// A client, on a thread of its own, that connects to a port of this machine and sends as fast as
/// it can until the connection is closed.
class Flood final {
public:
    explicit Flood(std::uint16_t port) : thread_([port] { send_all(port); }) {}
    Flood(const Flood&) = delete;
    Flood& operator=(const Flood&) = delete;
    ~Flood() { thread_.join(); }

private:
    static void send_all(std::uint16_t port) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
            std::abort();
        }
        const std::vector<char> bytes(std::size_t{1} << 18);
        while (::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0) {
        }
        ::close(fd);
    }

    std::thread thread_;
};

}  // namespace bench::responsive
