// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

/// The load: connections that each send a message, wait for its echo, and send the next.
namespace bench::echo {

using Clock = std::chrono::steady_clock;

constexpr std::size_t message_size = 64;

struct LoadResult {
    std::uint64_t requests = 0;
    double seconds = 0;
    double p50_us = 0;
    double p99_us = 0;
};

inline void require(bool good, const char* what) {
    if (!good) {
        std::perror(what);
        std::exit(1);
    }
}

/// Plain epoll and blocking writes of what always fits.
class Load final {
public:
    Load(std::uint16_t port, std::size_t connections) : poll_(epoll_create1(EPOLL_CLOEXEC)) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(port);
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        for (std::size_t i = 0; i < connections; ++i) {
            const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            require(fd >= 0, "socket");
            require(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0,
                    "connect");
            const int on = 1;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.u64 = peers_.size();
            require(epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &event) == 0, "epoll_ctl");
            peers_.push_back({fd, {}});
        }
    }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;
    ~Load() {
        for (const Peer& peer : peers_) {
            ::close(peer.fd);
        }
        ::close(poll_);
    }

    /// Until so many requests are done, or so much time has passed.
    LoadResult run(std::uint64_t requests, std::chrono::duration<double> time) {
        samples_.clear();
        const auto begin = Clock::now();
        for (Peer& peer : peers_) {
            send(peer);
        }
        std::uint64_t done = 0;
        std::size_t outstanding = peers_.size();
        epoll_event events[256];
        while (outstanding != 0) {
            const int count = epoll_wait(poll_, events, 256, -1);
            for (int i = 0; i < count; ++i) {
                Peer& peer = peers_[events[i].data.u64];
                char buffer[4096];
                const ssize_t got = ::recv(peer.fd, buffer, sizeof buffer, 0);
                require(got == static_cast<ssize_t>(message_size), "recv");
                const auto now = Clock::now();
                samples_.push_back(
                    std::chrono::duration<float, std::micro>(now - peer.sent).count());
                if (++done + outstanding <= requests && now - begin < time) {
                    send(peer);
                } else {
                    --outstanding;
                }
            }
        }
        return result(done, std::chrono::duration<double>(Clock::now() - begin).count());
    }

private:
    struct Peer {
        int fd;
        Clock::time_point sent;
    };

    static void send(Peer& peer) {
        static const char message[message_size] = {};
        peer.sent = Clock::now();
        require(::send(peer.fd, message, message_size, 0) == static_cast<ssize_t>(message_size),
                "send");
    }

    LoadResult result(std::uint64_t requests, double seconds) {
        LoadResult result{.requests = requests, .seconds = seconds};
        if (!samples_.empty()) {
            std::sort(samples_.begin(), samples_.end());
            result.p50_us = samples_[samples_.size() / 2];
            result.p99_us = samples_[samples_.size() * 99 / 100];
        }
        return result;
    }

    int poll_;
    std::vector<Peer> peers_;
    std::vector<float> samples_;
};

}  // namespace bench::echo
