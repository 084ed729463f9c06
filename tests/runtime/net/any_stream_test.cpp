// SPDX-License-Identifier: MIT
// Any stream behind one type: the contract over each kind, and what is its own.
#include <eddy/net/any_stream.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/call_later.hpp>
#include <eddy/gather.hpp>
#include <eddy/net/buffered_reader.hpp>
#include <eddy/net/connect.hpp>
#include <eddy/net/copy.hpp>
#include <eddy/net/tcp.hpp>
#include <eddy/net/timed_stream.hpp>
#include <eddy/net/unix.hpp>
#include <eddy/run.hpp>
#include <eddy/select.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/faulty_wire.hpp>
#include <eddy/testing/gate.hpp>
#include <eddy/testing/memory_stream.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/testing/stream_contract.hpp>
#include <eddy/testing/wait_matrix.hpp>
#include <eddy/then.hpp>

#include "heap_hooks.hpp"
#include "net_kit.hpp"
#include "plain_stream.hpp"
#include "shortage.hpp"
#include "wrong_thread.hpp"

namespace {

using namespace std::chrono_literals;
using namespace eddy::testing::stream_contract;
using eddy::AnyStream;
using eddy::select;
using eddy::Task;
using eddy::TcpStream;
using eddy::TimedStream;
using eddy::testing::Gate;
using eddy::testing::memory_stream_pair;
using eddy::testing::MemoryStream;
using eddy::testing::PlainStream;
using eddy::testing::settle;

static_assert(eddy::Stream<AnyStream> && !std::copyable<AnyStream>);
static_assert(eddy::PeerWatched<AnyStream>);
static_assert(sizeof(AnyStream) == sizeof(void*));
static_assert(!std::constructible_from<AnyStream, MemoryStream&>);  // it would be moved from

struct OverMemory {
    static constexpr std::size_t plenty = 1UL << 20U;
    static constexpr bool resets = true;
    static Task<std::pair<AnyStream, AnyStream>> make() {
        auto [a, b] = memory_stream_pair();
        co_return std::pair<AnyStream, AnyStream>(std::move(a), std::move(b));
    }
};

struct OverTimed {
    static constexpr std::size_t plenty = 1UL << 20U;
    static constexpr bool resets = true;
    static Task<std::pair<AnyStream, AnyStream>> make() {
        auto [a, b] = memory_stream_pair();
        co_return std::pair<AnyStream, AnyStream>(TimedStream(std::move(a), {.idle = 1h}),
                                                  TimedStream(std::move(b), {.idle = 1h}));
    }
};

struct TimedOverAny {
    static constexpr std::size_t plenty = 1UL << 20U;
    static constexpr bool resets = true;
    using Timed = TimedStream<AnyStream>;
    static Task<std::pair<Timed, Timed>> make() {
        auto [a, b] = memory_stream_pair();
        co_return std::pair<Timed, Timed>(Timed(AnyStream(std::move(a)), {.idle = 1h}),
                                          Timed(AnyStream(std::move(b)), {.idle = 1h}));
    }
};

struct OverPlain {
    static constexpr std::size_t plenty = 1UL << 20U;
    static constexpr bool resets = true;
    static constexpr bool deaf = true;
    static Task<std::pair<AnyStream, AnyStream>> make() {
        auto [a, b] = memory_stream_pair();
        co_return std::pair<AnyStream, AnyStream>(PlainStream(std::move(a)), std::move(b));
    }
};

/// A stream that is made of any stream, and can be put into one.
class Wrapper final {
public:
    explicit Wrapper(AnyStream inner) : inner_(std::move(inner)) {}
    auto read_some(std::span<std::byte> into) { return inner_.read_some(into); }
    auto wait_readable() { return inner_.wait_readable(); }
    auto wait_hang_up() { return inner_.wait_hang_up(); }
    auto write_some(std::span<const std::byte> bytes) { return inner_.write_some(bytes); }
    auto write_all(std::span<const std::byte> bytes) { return inner_.write_all(bytes); }
    auto write_all(std::span<const std::span<const std::byte>> several) {
        return inner_.write_all(several);
    }
    auto write_all(std::string_view text) { return inner_.write_all(text); }
    auto shutdown() { return inner_.shutdown(); }
    void close() { inner_.close(); }

private:
    AnyStream inner_;
};

struct OverWrapper {
    static constexpr std::size_t plenty = 1UL << 20U;
    static constexpr bool resets = true;
    static Task<std::pair<AnyStream, AnyStream>> make() {
        auto [a, b] = memory_stream_pair();
        co_return std::pair<AnyStream, AnyStream>(Wrapper(std::move(a)), std::move(b));
    }
};

struct OverTcp {
    static constexpr std::size_t plenty = 16UL << 20U;
    static constexpr bool resets = true;
    static Task<std::pair<AnyStream, AnyStream>> make() {
        eddy::testing::TcpPair pair = co_await eddy::testing::tcp_pair();
        co_return std::pair<AnyStream, AnyStream>(std::move(pair.client), std::move(pair.server));
    }
};

struct OverUnix {
    static constexpr std::size_t plenty = 4UL << 20U;
    static constexpr bool resets = false;
    static Task<std::pair<AnyStream, AnyStream>> make() {
        auto [a, b] = eddy::UnixStream::pair();
        co_return std::pair<AnyStream, AnyStream>(std::move(a), std::move(b));
    }
};

std::pair<AnyStream, MemoryStream> any_pair(const eddy::testing::MemoryOptions& options = {}) {
    auto [a, b] = memory_stream_pair(options);
    return {AnyStream(std::move(a)), std::move(b)};
}

// --- the matrix --------------------------------------------------------------------------------

template <class Inner>
AnyStream wrapped(MemoryStream stream) {
    return AnyStream(Inner(std::move(stream)));
}
template <>
AnyStream wrapped<TimedStream<MemoryStream>>(MemoryStream stream) {
    return AnyStream(TimedStream(std::move(stream), {.idle = 1h}));
}

template <class Inner>
class Ends {
public:
    static constexpr bool waits = true;
    static constexpr bool commits_at_once = true;
    explicit Ends(eddy::testing::VirtualClock&) {}
    Task<> prepare() {
        auto [a, b] = memory_stream_pair({.capacity = 4});
        here_.emplace(wrapped<Inner>(std::move(a)));
        there_.emplace(std::move(b));
        co_return;
    }
    bool intact() const { return there_->is_open(); }

protected:
    std::optional<AnyStream> here_;
    std::optional<MemoryStream> there_;
    std::array<std::byte, 1> buffer_{};
};

template <class Inner>
class ReadFixture : public Ends<Inner> {
public:
    using Ends<Inner>::Ends;
    auto operation() { return this->here_->read_some(this->buffer_); }
    Task<> wait() {
        std::array<std::byte, 1> buffer{};
        const std::size_t length = co_await this->here_->read_some(buffer);
        CHECK(length == 1);
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() { CHECK(this->there_->write_all("x").try_now()); }
};

template <class Inner>
class ReadableFixture : public Ends<Inner> {
public:
    using Ends<Inner>::Ends;
    auto operation() { return this->here_->wait_readable(); }
    Task<> wait() {
        co_await this->here_->wait_readable();
        take();
    }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() { CHECK(this->there_->write_all("x").try_now()); }
    void took() { take(); }

private:
    /// So that the next one waits.
    void take() {
        auto read = this->here_->read_some(this->buffer_);
        CHECK(read.try_now());
        CHECK(read.take() == 1);
    }
};

template <class Inner>
class WriteFixture : public Ends<Inner> {
public:
    using Ends<Inner>::Ends;
    Task<> prepare() {
        co_await Ends<Inner>::prepare();
        co_await this->here_->write_all("full");
    }
    auto operation() { return this->here_->write_all("x"); }
    Task<> wait() { co_await this->here_->write_all("x"); }
    Task<> wait_again() {
        complete();
        co_await wait();
    }
    void complete() { CHECK(this->there_->read_some(this->buffer_).try_now()); }
};

}  // namespace

EDDY_STREAM_CONTRACT("any_stream over memory", OverMemory)
EDDY_STREAM_CONTRACT("any_stream over a timed stream", OverTimed)
EDDY_STREAM_CONTRACT("any_stream in a timed stream", TimedOverAny)
EDDY_STREAM_CONTRACT("any_stream over a stream that cannot say that it is readable", OverPlain)
EDDY_STREAM_CONTRACT("any_stream over a wrapper of any_stream", OverWrapper)
EDDY_STREAM_CONTRACT("any_stream over TCP", OverTcp)
EDDY_STREAM_CONTRACT("any_stream over a Unix socket", OverUnix)

EDDY_WAIT_MATRIX("any_stream: read_some over memory", ReadFixture<MemoryStream>)
EDDY_WAIT_MATRIX("any_stream: read_some over a timed stream",
                 ReadFixture<TimedStream<MemoryStream>>)
EDDY_WAIT_MATRIX("any_stream: read_some over a plain stream", ReadFixture<PlainStream>)
EDDY_WAIT_MATRIX("any_stream: wait_readable over memory", ReadableFixture<MemoryStream>)
EDDY_WAIT_MATRIX("any_stream: wait_readable over a plain stream", ReadableFixture<PlainStream>)
EDDY_WAIT_MATRIX("any_stream: write_all over memory", WriteFixture<MemoryStream>)
EDDY_WAIT_MATRIX("any_stream: write_all over a timed stream",
                 WriteFixture<TimedStream<MemoryStream>>)

EDDY_TEST_CASE("any_stream tells what is inside, and one in another is one") {
    auto [a, b] = memory_stream_pair();
    AnyStream one(std::move(a));
    CHECK(one.get_if<MemoryStream>() != nullptr);
    CHECK(one.get_if<TcpStream>() == nullptr);
    MemoryStream* const inside = one.get_if<MemoryStream>();
    AnyStream other(AnyStream(std::move(one)));
    CHECK(other.get_if<MemoryStream>() == inside);
    CHECK(other.get_if<AnyStream>() == nullptr);
    const AnyStream& constant = other;
    CHECK(constant.get_if<MemoryStream>() == inside);
    co_await b.write_all("hello");
    const std::string got = co_await read_text(*inside, 5);
    CHECK(got == "hello");
}

EDDY_TEST_CASE("any_stream that was moved from says so") {
    auto [stream, peer] = any_pair();
    const AnyStream owner(std::move(stream));
    std::array<std::byte, 1> buffer{};
    // NOLINTBEGIN(bugprone-use-after-move): that is the point.
    CHECK_FALSE(stream);
    CHECK(owner);
    CHECK(stream.get_if<MemoryStream>() == nullptr);
    CHECK_THROWS_AS(static_cast<void>(stream.read_some(buffer)), eddy::InvalidState);
    CHECK_THROWS_AS(static_cast<void>(stream.wait_readable()), eddy::InvalidState);
    CHECK_THROWS_AS(static_cast<void>(stream.wait_hang_up()), eddy::InvalidState);
    CHECK_THROWS_AS(static_cast<void>(stream.write_all("x")), eddy::InvalidState);
    CHECK_THROWS_AS(static_cast<void>(stream.shutdown()), eddy::InvalidState);
    CHECK_THROWS_AS(static_cast<void>(stream.peer_watch()), eddy::InvalidState);
    CHECK_THROWS_AS(stream.close(), eddy::InvalidState);
    CHECK_THROWS_AS(stream.close_reset(), eddy::InvalidState);
    // NOLINTEND(bugprone-use-after-move)
    co_return;
}

EDDY_TEST_CASE("any_stream: a read that lost a select has read nothing, and is awaited again") {
    auto [stream, peer] = any_pair();
    std::array<std::byte, 8> buffer{};
    auto read = stream.read_some(buffer);
    const auto lost = co_await select(read, eddy::sleep_for(1ms));
    CHECK(lost.index() == 1);
    AnyStream moved(std::move(stream));
    co_await peer.write_all("all");
    const std::size_t length = co_await read;
    CHECK(length == 3);
    moved.close();
    const Ending end = co_await ending([&]() -> decltype(read)& { return read; });
    CHECK(end == Ending::closed);
}

EDDY_TEST_CASE("any_stream: closing ends the wait for a hang-up that nobody hears of") {
    for (const bool destroyed : {false, true}) {
        CAPTURE(destroyed);
        auto [a, b] = memory_stream_pair();
        auto stream = std::make_optional<AnyStream>(PlainStream(std::move(a)));
        auto waiting = eddy::spawn([](AnyStream& on) -> Task<Ending> {
            co_return co_await ending([&] { return on.wait_hang_up(); });
        }(*stream));
        co_await settle();
        CHECK_FALSE(waiting.done());
        if (destroyed) {
            stream.reset();
        } else {
            stream->close();
        }
        const Ending how = co_await waiting;
        CHECK(how == Ending::closed);
        if (stream) {
            const Ending later = co_await ending([&] { return stream->wait_hang_up(); });
            CHECK(later == Ending::closed);
        }
    }
}

EDDY_TEST_CASE("any_stream: what wait_readable has read ahead comes first, and once") {
    auto [a, b] = memory_stream_pair();
    AnyStream stream(PlainStream(std::move(a)));
    const std::string text(600, 'a');
    co_await b.write_all(text + "z");
    co_await stream.wait_readable();
    co_await stream.wait_readable();
    std::array<std::byte, 100> buffer{};
    const std::size_t first = co_await stream.read_some(buffer);
    CHECK(first == 100);
    const std::string rest = co_await read_text(stream, 501);
    CHECK(rest == text.substr(100) + "z");
    const Ending none = co_await ending([&] { return stream.read_some(std::span<std::byte>()); });
    CHECK(none == Ending::misuse);
    b.close();
    co_await stream.wait_readable();
    co_await stream.wait_readable();
    const Ending end = co_await reads(stream);
    CHECK(end == Ending::zero);
}

EDDY_TEST_CASE("any_stream: what came while a wait_readable lost its select is there") {
    auto [a, b] = memory_stream_pair();
    AnyStream stream(PlainStream(std::move(a)));
    Gate gate;
    eddy::call_later(1ms, [&gate, &peer = b] {
        gate.open();
        CHECK(peer.write_all("late").try_now());
    });
    const auto got = co_await select(gate.wait(), stream.wait_readable());
    CHECK(got.index() == 0);
    const std::string text = co_await read_text(stream, 4);
    CHECK(text == "late");
}

/// A read of the outside world, which nobody can take back.
class InFlight final : public eddy::Waiter {
public:
    struct Place {
        InFlight* waiting = nullptr;
    };
    InFlight(Place& place, std::span<std::byte> into) noexcept : place_(place), into_(into) {}
    [[nodiscard]] bool try_now() const noexcept { return false; }
    void start() noexcept { place_.waiting = this; }
    std::size_t take() const noexcept { return 1; }
    [[nodiscard]] const char* what() const noexcept override { return "InFlight"; }

    static void brings(Place& place, std::byte byte) {
        InFlight* const read = std::exchange(place.waiting, nullptr);
        read->into_[0] = byte;
        read->commit();
    }

private:
    void unlink() noexcept override { place_.waiting = nullptr; }
    [[nodiscard]] bool abort() noexcept override { return false; }

    Place& place_;
    std::span<std::byte> into_;
};

class InFlightStream final {
public:
    InFlightStream(PlainStream inner, InFlight::Place& place)
        : inner_(std::move(inner)), place_(&place) {}
    auto read_some(std::span<std::byte> into) { return InFlight(*place_, into); }
    auto write_some(std::span<const std::byte> bytes) { return inner_.write_some(bytes); }
    auto write_all(std::span<const std::byte> bytes) { return inner_.write_all(bytes); }
    auto write_all(std::span<const std::span<const std::byte>> several) {
        return inner_.write_all(several);
    }
    auto write_all(std::string_view text) { return inner_.write_all(text); }
    auto shutdown() { return inner_.shutdown(); }
    void close() { inner_.close(); }

private:
    PlainStream inner_;
    InFlight::Place* place_;
};

EDDY_TEST_CASE("any_stream: what a wait_readable that has lost its select still brings is kept") {
    auto [a, b] = memory_stream_pair();
    InFlight::Place place;
    AnyStream stream(InFlightStream(PlainStream(std::move(a)), place));
    eddy::call_later(1h, [&place] { InFlight::brings(place, std::byte{'k'}); });
    const auto got = co_await select(stream.wait_readable(), eddy::sleep_for(1s));
    CHECK(got.index() == 1);
    co_await stream.wait_readable();
    const std::string text = co_await read_text(stream, 1);
    CHECK(text == "k");
}

EDDY_TEST_CASE("any_stream: lines come through it, over whatever stream") {
    auto [a, b] = memory_stream_pair();
    AnyStream stream(PlainStream(std::move(a)));
    eddy::BufferedReader reader(stream);
    co_await b.write_all("one\ntwo\n");
    const auto one = co_await reader.read_line();
    const auto two = co_await reader.read_line();
    CHECK(one == "one");
    CHECK(two == "two");
}

EDDY_TEST_CASE("any_stream carries what a faulty wire splits, in order") {
    auto [client, near] = memory_stream_pair();
    auto [far, server] = memory_stream_pair();
    eddy::testing::WireReport report;
    auto wire = eddy::spawn(eddy::testing::faulty_wire(
        AnyStream(std::move(near)), AnyStream(std::move(far)), {.split = true}, report));
    AnyStream writer(std::move(client));
    AnyStream reader(std::move(server));
    auto writing = eddy::spawn(writes(writer, 100'000));
    const std::string got = co_await read_text(reader, 100'000);
    CHECK(got == std::string(100'000, 'x'));
    const Ending how = co_await writing;
    CHECK(how == Ending::value);
    writer.close();
    const Ending end = co_await reads(reader);
    CHECK(end == Ending::zero);
    reader.close();
    co_await wire;
    CHECK(report.over);
}

EDDY_TEST_CASE("any_stream: temporaries are written, and lists of spans") {
    auto [stream, peer] = any_pair();
    co_await stream.write_all(std::string("text, "));
    const std::size_t some = co_await stream.write_some(std::vector<std::byte>(2, std::byte{'b'}));
    CHECK(some == 2);
    const std::string one = ", one";
    const auto bytes = std::as_bytes(std::span(one));
    co_await stream.write_all(std::vector<std::span<const std::byte>>{2, bytes});
    const std::string got = co_await read_text(peer, 18);
    CHECK(got == "text, bb, one, one");
}

Task<> echoes(AnyStream stream) {
    std::array<std::byte, 32> buffer{};
    while (true) {
        co_await stream.wait_readable();
        const std::size_t length = co_await stream.read_some(buffer);
        if (length == 0) {
            break;
        }
        co_await stream.write_all(std::span<const std::byte>(buffer).first(length));
    }
}

Task<> asks(AnyStream stream) {
    const std::string text(50, 'x');
    for (int i = 0; i < 3; ++i) {
        co_await stream.write_all(text);
        co_await stream.wait_readable();
        const std::string got = co_await read_text(stream, 50);
        CHECK(got == text);
    }
    co_await stream.shutdown();
}

TEST_CASE("any_stream survives a cancellation at every checkpoint") {
    const auto count = eddy::testing::cancel_at_each_checkpoint([]() -> Task<> {
        auto [a, b] = memory_stream_pair({.capacity = 64});
        co_await eddy::gather(asks(AnyStream(PlainStream(std::move(a)))),
                              echoes(AnyStream(TimedStream(std::move(b), {.idle = 1h}))));
    });
    CHECK(count > 10);
}

EDDY_TEST_CASE("any_stream is its loop's, whatever it holds") {
    auto [a, b] = memory_stream_pair();
    AnyStream stream(PlainStream(std::move(a)));
    std::array<std::byte, 1> buffer{};
    const auto refused = [](auto&& call) {
        bool wrong = false;
        eddy::testing::on_another_thread([&] {
            try {
                eddy::run(call());
            } catch (const eddy::WrongThread&) {
                wrong = true;
            }
        });
        return wrong;
    };
    CHECK(refused([&]() -> Task<> { co_await stream.read_some(buffer); }));
    CHECK(refused([&]() -> Task<> { co_await stream.wait_readable(); }));
    CHECK(refused([&]() -> Task<> { co_await stream.wait_hang_up(); }));
    CHECK(refused([&]() -> Task<> { co_await stream.write_all("x"); }));
    CHECK(refused([&]() -> Task<> { co_await stream.shutdown(); }));
    co_return;
}

TEST_CASE("any_stream: a job that waits on it when the loop ends leaves nothing") {
    eddy::run([]() -> Task<> {
        auto [stream, peer] = any_pair();
        eddy::spawn([](AnyStream on) -> Task<> {
            std::array<std::byte, 8> buffer{};
            static_cast<void>(co_await on.read_some(buffer));
        }(std::move(stream)))
            .detach();
        eddy::spawn([](MemoryStream of) -> Task<> {
            AnyStream on(PlainStream(std::move(of)));
            co_await on.wait_hang_up();
        }(std::move(peer)))
            .detach();
        co_await settle();
    }());
}

#if EDDY_HEAP_HOOKS && EDDY_FRAME_POOL

template <class Make>
Task<std::size_t> allocations_of(Make make) {
    auto [a, b] = memory_stream_pair();
    std::array<std::byte, 8> buffer{};
    std::size_t before = 0;
    AnyStream stream = make(std::move(a));
    for (int i = 0; i < 100; ++i) {
        before = i == 20 ? eddy::testing::heap_counters().allocations : before;
        co_await stream.write_all("ping");
        co_await b.read_some(buffer);
        auto job = eddy::spawn([](AnyStream& on) -> Task<> {
            std::array<std::byte, 8> into{};
            co_await on.wait_readable();
            static_cast<void>(co_await on.read_some(into));
        }(stream));
        co_await settle();
        co_await b.write_all("pong");
        co_await job;
        std::array<std::byte, 8> rest{};
        static_cast<void>(co_await select(stream.read_some(rest), settle()));
    }
    co_return eddy::testing::heap_counters().allocations - before;
}

EDDY_TEST_CASE_FIFO("any_stream allocates nothing per operation, over small and large ones") {
    const std::size_t memory =
        co_await allocations_of([](MemoryStream s) { return AnyStream(std::move(s)); });
    CHECK(memory == 0);
    const std::size_t timed = co_await allocations_of(
        [](MemoryStream s) { return AnyStream(TimedStream(std::move(s), {.idle = 1h})); });
    CHECK(timed == 0);
    const std::size_t plain = co_await allocations_of(
        [](MemoryStream s) { return AnyStream(PlainStream(std::move(s))); });
    CHECK(plain == 0);
}

EDDY_TEST_CASE_FIFO("any_stream is made and destroyed in the frame pool") {
    auto [a, b] = memory_stream_pair();
    MemoryStream stream = std::move(a);
    std::size_t before = 0;
    for (int i = 0; i < 10; ++i) {
        before = i == 2 ? eddy::testing::heap_counters().allocations : before;
        AnyStream any(std::move(stream));
        stream = std::move(*any.get_if<MemoryStream>());
    }
    CHECK(eddy::testing::heap_counters().allocations == before);
    co_return;
}

TEST_CASE("any_stream: a shortage at every allocation") {
    eddy::testing::survives_shortage_in_job([]() -> Task<> {
        auto [a, b] = memory_stream_pair();
        AnyStream plain(PlainStream(std::move(a)));
        AnyStream timed(TimedStream(std::move(b), {.idle = 1s}));
        co_await timed.write_all("text");
        co_await plain.wait_readable();
        std::array<std::byte, 16> buffer{};
        static_cast<void>(co_await plain.read_some(buffer));
        try {
            static_cast<void>(co_await timed.read_some(buffer));
        } catch (const eddy::TimedOut&) {
        }
        co_await timed.shutdown();
    });
}

#endif
