// SPDX-License-Identifier: MIT
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

#include <doctest/doctest.h>

#include <eddy/detail/outer_wait.hpp>
#include <eddy/net/buffered_writer.hpp>
#include <eddy/net/outbox.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/then.hpp>
#include <eddy/with_scope.hpp>

#include "../fork_kit.hpp"
#include "../test_kit.hpp"
#include "net_kit.hpp"

// A writer over a stream whose writes are made of other waits: nothing in them has a job.

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing;
using eddy::BufferedWriter;
using eddy::Task;
namespace detail = eddy::detail;

using Bytes = std::span<const std::byte>;

/// Each write takes a millisecond before its first byte; the shutdown too.
class SlowStream final {
public:
    using Inner = decltype(std::declval<MemoryStream&>().write_all(std::span<const Bytes>()));

    class Write final : public detail::SteppedWait {
    public:
        Write(SlowStream& stream, std::span<const Bytes> parts) noexcept
            : stream_(stream), parts_(parts) {}
        [[nodiscard]] bool try_now() {
            begin();
            ++stream_.begun;
            write_.reset();
            pause_.emplace([] { return eddy::sleep_for(1ms); });
            return pause_->try_now();
        }
        void start() { start_inner(*pause_); }
        void take() { conclude(); }
        [[nodiscard]] const char* what() const noexcept override { return "SlowStream::write"; }

    private:
        void collect() override {
            if (pause_.full()) {
                pause_->take();
                pause_.reset();
            } else {
                write_->take();
            }
        }
        bool proceed() override {
            if (write_.full()) {
                return true;
            }
            write_.emplace([this] { return stream_.inner_.write_all(parts_); });
            const bool written = write_->try_now();
            if (written) {
                write_->take();
            } else {
                start_inner(*write_);
            }
            return written;
        }
        void given_up() noexcept override { ++stream_.given_up; }

        SlowStream& stream_;
        std::span<const Bytes> parts_;
        detail::OperationSlot<decltype(eddy::sleep_for(1ms))> pause_;
        detail::OperationSlot<Inner> write_;
    };

    explicit SlowStream(MemoryStream inner) : inner_(std::move(inner)) {}

    [[nodiscard]] auto write_some(Bytes bytes) { return inner_.write_some(bytes); }
    [[nodiscard]] auto write_all(Bytes bytes) { return inner_.write_all(bytes); }
    [[nodiscard]] auto write_all(std::string_view text) { return inner_.write_all(text); }
    [[nodiscard]] Write write_all(std::span<const Bytes> parts) { return {*this, parts}; }
    [[nodiscard]] auto shutdown() {
        return eddy::then([] { return eddy::sleep_for(1ms); },
                          [this] {
                              auto shut = inner_.shutdown();
                              static_cast<void>(shut.try_now());
                          });
    }
    void close() { inner_.close(); }
    void close_reset() {
        ++torn;
        inner_.close_reset();
    }

    int torn = 0;
    int begun = 0;
    int given_up = 0;

private:
    MemoryStream inner_;
};

Task<> flushes(BufferedWriter<SlowStream>& writer) { co_await writer.flush(); }

}  // namespace

EDDY_TEST_CASE("a writer drives a write of several steps, and a shutdown that takes time") {
    auto [near, far] = memory_stream_pair({.capacity = 3});
    SlowStream stream(std::move(near));
    BufferedWriter writer(stream, 8);
    const eddy::TimePoint begun = eddy::now();
    co_await writer.write("12345678");
    auto job = eddy::spawn([](auto& to) -> Task<> {
        co_await to.write(std::string_view("9"));
        co_await to.shutdown();
    }(writer));
    const std::string text = co_await read_all(far);
    co_await job;
    CHECK(text == "123456789");
    CHECK(eddy::now() - begun == 3ms);
    CHECK(stream.begun == 2);
}

EDDY_TEST_CASE("a flush whose write has ended in this moment wins against a cancellation") {
    auto [near, far] = memory_stream_pair({.capacity = 3});
    SlowStream stream(std::move(near));
    BufferedWriter writer(stream);
    co_await writer.write("12345");
    eddy::CancelScope scope;
    auto flush = eddy::spawn(eddy::with_scope(scope, flushes(writer)));
    co_await eddy::sleep_for(2ms);
    std::array<std::byte, 8> buffer{};
    auto read = far.read_some(buffer);  // now, so that nothing else has run
    const bool came = read.try_now();
    CHECK(came);
    static_cast<void>(read.take());
    scope.cancel();
    const bool flushed = co_await flush;
    CHECK(flushed);
    CHECK(writer.buffered() == 0);
}

EDDY_TEST_CASE("a writer that ends in each step of its stream's write leaves nothing of it") {
    for (const auto after : {0us, 500us, 1500us}) {
        CAPTURE(after.count());
        auto [near, far] = memory_stream_pair({.capacity = 3});
        SlowStream stream(std::move(near));
        {
            BufferedWriter writer(stream);
            co_await writer.write("12345");
            if (after != 0us) {
                co_await eddy::sleep_for(after);
            }
        }
        CHECK(stream.begun == (after == 0us ? 0 : 1));
        CHECK(stream.given_up == stream.begun);
        bool reset = false;
        try {
            static_cast<void>(co_await read_all(far));
        } catch (const eddy::BrokenResource&) {
            reset = true;
        }
        CHECK(reset);
    }
}

EDDY_TEST_CASE("an outbox over a stream of several steps is disconnected in the middle of one") {
    auto [near, far] = memory_stream_pair({.capacity = 3});
    SlowStream stream(std::move(near));
    eddy::StreamOutbox outbox(stream, {.max_messages = 1});
    outbox.send("on its way");
    co_await settle();
    outbox.send("waits");
    outbox.send("too much");
    const auto why = co_await outbox.wait_broken();
    CHECK(holds<eddy::LimitExceeded>(why));
    CHECK(stream.given_up == 1);
    CHECK(far.readable() == 0);
}

EDDY_TEST_CASE("a writer that ends in a forked child touches neither the stream nor its parent's") {
    for (const bool under_way : {false, true}) {
        CAPTURE(under_way);
        auto [near, far] = memory_stream_pair();
        SlowStream stream(std::move(near));
        auto writer = std::make_unique<BufferedWriter<SlowStream>>(stream);
        co_await writer->write("from the parent");
        if (under_way) {
            co_await settle();
        }
        pid_t child = 0;
        const int code = fork_here(child);
        if (child == 0) {
            writer.reset();
            _exit(stream.torn);
        }
        CHECK(code == 0);
        co_await writer->flush();
        CHECK(far.readable() == 15);
        CHECK(stream.torn == 0);
    }
}
