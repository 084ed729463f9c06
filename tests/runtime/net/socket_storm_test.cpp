// SPDX-License-Identifier: MIT
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>

#include "../test_kit.hpp"
#include "net_kit.hpp"
#include "system_calls.hpp"

// A kernel that interrupts, moves a byte or three at a time, and takes back that it is ready: what
// arrives is what was sent.

#if EDDY_SYSTEM_CALL_FAULTS

namespace {

using namespace eddy::testing;
using eddy::Task;
using Random = std::mt19937;

class Storm final : public FaultPlan {
public:
    explicit Storm(unsigned seed) : random_(seed) {}

    [[nodiscard]] int error_of(SystemCall call) noexcept override {
        if (call != SystemCall::recv && call != SystemCall::send && call != SystemCall::sendmsg) {
            return 0;
        }
        const auto dice = random_() % 100;
        const int error = dice < 30 ? EAGAIN : dice < 50 ? EINTR : 0;
        faults += error != 0 ? 1U : 0U;
        return error;
    }
    [[nodiscard]] std::size_t most(SystemCall, std::size_t length) noexcept override {
        return random_() % 2 == 0 ? 1 + random_() % 3 : length;
    }

    std::size_t faults = 0;

private:
    Random random_;
};

std::vector<std::byte> random_bytes(Random& random, std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::byte& each : bytes) {
        each = static_cast<std::byte>(random());
    }
    return bytes;
}

/// In pieces of any size, one span or several.
template <class S>
Task<> send(S& stream, const std::vector<std::byte>& bytes, Random random) {
    std::span<const std::byte> left(bytes);
    while (!left.empty()) {
        const auto piece = left.first(std::min<std::size_t>(1 + random() % 700, left.size()));
        left = left.subspan(piece.size());
        const std::size_t cut = random() % piece.size();
        const std::span<const std::byte> parts[] = {piece.first(cut), piece.subspan(cut)};
        switch (random() % 3) {
            case 0:
                co_await stream.write_all(piece);
                break;
            case 1:
                co_await stream.write_all(std::span<const std::span<const std::byte>>(parts));
                break;
            default: {
                const std::size_t some = co_await stream.write_some(piece);
                co_await stream.write_all(piece.subspan(some));
            }
        }
    }
    co_await stream.shutdown();
}

template <class S>
Task<std::vector<std::byte>> receive(S& stream, Random random) {
    std::vector<std::byte> all;
    std::vector<std::byte> buffer(600);
    while (true) {
        const auto into = std::span(buffer).first(1 + random() % buffer.size());
        const std::size_t count = co_await stream.read_some(into);
        if (count == 0) {
            co_return all;
        }
        all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(count));
    }
}

template <class S>
Task<> weather(S& one, S& other, unsigned seed) {
    Random random(seed);
    const std::vector<std::byte> there = random_bytes(random, random() % 4000);
    const std::vector<std::byte> back = random_bytes(random, random() % 4000);
    Storm storm(seed);
    auto sending = eddy::spawn(send(one, there, Random(seed + 1)));
    auto answering = eddy::spawn(send(other, back, Random(seed + 2)));
    auto arriving = eddy::spawn(receive(other, Random(seed + 3)));
    auto returning = eddy::spawn(receive(one, Random(seed + 4)));
    const std::vector<std::byte> arrived = co_await arriving;
    const std::vector<std::byte> returned = co_await returning;
    co_await sending;
    co_await answering;
    INFO("storm ", seed);
    CHECK(arrived == there);
    CHECK(returned == back);
    CHECK(storm.faults > 0);
}

/// Under each schedule; EDDY_IO_SEEDS=10000 asks for as many.
unsigned storm_count() {
    const char* const text = std::getenv("EDDY_IO_SEEDS");
    return text != nullptr ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : 100;
}

EDDY_NET_TEST("whatever the kernel does to reads and writes, TCP carries the same bytes") {
    for (unsigned seed = 1; seed <= storm_count(); ++seed) {
        TcpPair pair = co_await tcp_pair();
        co_await weather(pair.client, pair.server, seed * 10);
    }
}

EDDY_NET_TEST("whatever the kernel does to reads and writes, Unix sockets carry the same bytes") {
    for (unsigned seed = 1; seed <= storm_count(); ++seed) {
        auto [one, other] = eddy::UnixStream::pair();
        co_await weather(one, other, seed * 10);
    }
}

}  // namespace

#endif
