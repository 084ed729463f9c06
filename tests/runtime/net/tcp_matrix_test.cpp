// SPDX-License-Identifier: MIT
#include <array>
#include <memory>
#include <vector>

#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/testing/wait_matrix.hpp>

#include "net_kit.hpp"

namespace {

using namespace eddy::testing;
using eddy::Address;
using eddy::Task;
using eddy::TcpListener;
using eddy::TcpStream;
using eddy::UnixStream;

// The matrix waits on the same fixture from two jobs at once, where a stream has one reader and one
// writer: so each wait has a stream of its own, and `complete` serves them all.

struct ReadFixture {
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = false;
    explicit ReadFixture(VirtualClock&) {}

    Task<> prepare() {
        for (int i = 0; i < 3; ++i) {
            pairs.push_back(UnixStream::pair());
        }
        co_return;
    }
    Task<> wait() { return read(pairs[next++ % 2].first); }
    Task<> wait_again() { return read(pairs[2].first); }
    void complete() {
        for (auto& [reader, writer] : pairs) {
            poke(writer);
        }
    }
    [[nodiscard]] bool intact() const {
        bool idle = true;
        for (const auto& [reader, writer] : pairs) {
            idle = idle && !reader.statistics().reading;
        }
        return idle;
    }

private:
    static Task<> read(UnixStream& stream) {
        std::array<std::byte, 8> buffer{};
        const std::size_t count = co_await stream.read_some(buffer);
        CHECK(count == 1);
    }
    /// A write that fits needs no job: it ends in try_now.
    static void poke(UnixStream& stream) {
        auto write = stream.write_all("x");
        if (write.try_now()) {
            write.take();
        }
    }

    std::vector<std::pair<UnixStream, UnixStream>> pairs;
    std::size_t next = 0;
};

EDDY_WAIT_MATRIX("UnixStream::read_some", ReadFixture)

}  // namespace
