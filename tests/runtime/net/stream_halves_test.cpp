// SPDX-License-Identifier: MIT
#include <array>
#include <cstddef>
#include <exception>
#include <functional>
#include <string>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/select.hpp>
#include <eddy/wait_queue.hpp>

#include "../test_kit.hpp"
#include "net_kit.hpp"

// The halves of a split stream: what replaces one, and what becomes of waits on it.

namespace {

using namespace eddy::testing;
using eddy::ClosedResource;
using eddy::Task;
using eddy::UnixStream;

template <class W>
Task<> await_write(W& write) {
    co_await write;
}
Task<> write_half(eddy::WriteHalf& half) {
    const std::string plenty(1 << 20, 'x');
    co_await half.write_all(plenty);
}

EDDY_NET_TEST("a half that is assigned to lets go of what it was") {
    auto [one, peer_of_one] = UnixStream::pair();
    auto [two, peer_of_two] = UnixStream::pair();
    auto [reader, writer] = std::move(one).split();
    auto [other_reader, other_writer] = std::move(two).split();
    writer = std::move(other_writer);
    const std::string end = co_await read_text(peer_of_one);
    CHECK(end.empty());
    co_await writer.write_all("two");
    const std::string text = co_await read_text(peer_of_two);
    CHECK(text == "two");
    reader = std::move(other_reader);  // now nothing is left of the first
    const auto broken = co_await error_of(write_task(peer_of_one, bytes_of("x")));
    CHECK(holds<eddy::BrokenResource>(broken));
    co_await peer_of_two.write_all("back");
    const std::string back = co_await read_text(reader);
    CHECK(back == "back");
}

EDDY_NET_TEST("a half that is assigned to itself stays what it is") {
    auto [stream, peer] = UnixStream::pair();
    auto [reader, writer] = std::move(stream).split();
    auto& same_reader = reader;
    auto& same_writer = writer;
    reader = std::move(same_reader);
    writer = std::move(same_writer);
    co_await peer.write_all("in");
    const std::string in = co_await read_text(reader);
    CHECK(in == "in");
    co_await writer.write_all("out");
    const std::string out = co_await read_text(peer);
    CHECK(out == "out");
}

EDDY_NET_TEST("a writing half that is closed ends the write that waits on it") {
    auto [stream, peer] = UnixStream::pair();
    auto [reader, writer] = std::move(stream).split();
    auto waiting = eddy::spawn(write_half(writer));
    co_await settle();
    writer.close();
    const auto error = co_await failure_of(waiting);
    CHECK(holds<ClosedResource>(error));
}

/// Calls a function when it is tried, and waits.
class CallsOut final : public eddy::QueuedWaiter {
public:
    static constexpr bool calls_out = true;

    CallsOut(eddy::WaitQueue& queue, std::function<void()> fn) noexcept
        : queue_(queue), fn_(std::move(fn)) {}
    [[nodiscard]] bool try_now() {
        if (fn_) {
            std::exchange(fn_, nullptr)();
        }
        return false;
    }
    void start() noexcept { queue_.push_back(*this); }
    void take() const noexcept {}
    [[nodiscard]] const char* what() const noexcept override { return "CallsOut"; }

private:
    eddy::WaitQueue& queue_;
    std::function<void()> fn_;
};

EDDY_NET_TEST("a write whose stream is closed by another operation of its select is told") {
    auto [stream, peer] = UnixStream::pair();
    co_await fill(stream);
    eddy::WaitQueue queue;
    CallsOut closes(queue, [&open = stream] { open.close(); });
    bool told = false;
    try {
        co_await eddy::select(stream.write_some(bytes_of("x")), closes);
    } catch (const ClosedResource&) {
        told = true;
    }
    CHECK(told);
    CHECK(queue.empty());
}

EDDY_NET_TEST("a write that was made before its half was closed is refused") {
    auto [stream, peer] = UnixStream::pair();
    auto [reader, writer] = std::move(stream).split();
    auto write = writer.write_some(bytes_of("late"));
    writer.close();
    const auto error = co_await error_of(await_write(write));
    CHECK(holds<ClosedResource>(error));
    const std::string end = co_await read_text(peer);
    CHECK(end.empty());
}

}  // namespace
