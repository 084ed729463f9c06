// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/error.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/scope.hpp>
#include <eddy/select.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/waiter.hpp>
#include <eddy/with_scope.hpp>

/// What every `Stream` promises, as tests: one list for streams in memory, over TCP, Unix sockets.
///
///     struct TcpPair {
///         static constexpr std::size_t plenty = 16UL << 20U;  // bytes: more than it holds
///         static constexpr bool resets = true;   // its peer can tell a reset from an end
///         static Task<std::pair<TcpStream, TcpStream>> make();   // connected
///     };
///     EDDY_STREAM_CONTRACT("TcpStream", TcpPair)
///
/// With `static constexpr bool deaf = true` its `wait_hang_up` hears of nothing but its own end, as
/// that of an `AnyStream` over a stream that has none.

namespace eddy::testing::stream_contract {

/// What a `Pair` says, as values: so the tests are compiled once for all pairs of the same streams.
template <class A, class B>
struct Peers {
    Task<std::pair<A, B>> (*make)();
    std::size_t plenty;
    bool resets;
    bool deaf;
};

template <class Pair, class A, class B>
Peers<A, B> described(std::type_identity<std::pair<A, B>>) {
    constexpr bool deaf = requires { Pair::deaf; };
    return {[] { return Pair::make(); }, Pair::plenty, Pair::resets, deaf};
}

template <class Pair>
auto described() {
    return described<Pair>(std::type_identity<await_result_t<decltype(Pair::make())>>());
}

template <class A, class B>
void run(Peers<A, B> of, Task<> (*test)(Peers<A, B>)) {
    run_test([&] { return test(of); });
}

template <ReadStream S>
Task<std::string> read_all(S& stream) {
    std::string text;
    std::vector<std::byte> buffer(64UL * 1024);
    while (true) {
        const std::size_t length = co_await stream.read_some(buffer);
        if (length == 0) {
            co_return text;
        }
        text.append(reinterpret_cast<const char*>(buffer.data()), length);
    }
}

template <ReadStream S>
Task<std::string> read_text(S& stream, std::size_t length) {
    std::string text(length, '\0');
    const auto bytes = std::as_writable_bytes(std::span(text));
    std::size_t done = 0;
    while (done != length) {
        const std::size_t more = co_await stream.read_some(bytes.subspan(done));
        if (more == 0) {
            break;
        }
        done += more;
    }
    text.resize(done);
    co_return text;
}

enum class Ending { nothing, value, zero, cancelled, closed, broken, busy, misuse, other };

/// How an operation ends.
template <class Op>
Task<Ending> ending(Op op) {
    try {
        if constexpr (std::is_void_v<await_result_t<decltype(op())>>) {
            co_await op();
            co_return Ending::value;
        } else {
            const std::size_t length = co_await op();
            co_return length == 0 ? Ending::zero : Ending::value;
        }
    } catch (const ClosedResource&) {
        co_return Ending::closed;
    } catch (const BrokenResource&) {
        co_return Ending::broken;
    } catch (const BusyResource&) {
        co_return Ending::busy;
    } catch (const std::invalid_argument&) {
        co_return Ending::misuse;
    } catch (const std::exception&) {
        co_return Ending::other;
    }
}

template <class S>
Task<Ending> reads(S& stream) {
    std::array<std::byte, 16> buffer{};
    co_return co_await ending([&] { return stream.read_some(buffer); });
}
template <class S>
Task<Ending> writes(S& stream, std::size_t size) {
    const std::string text(size, 'x');
    co_return co_await ending([&] { return stream.write_all(std::string_view(text)); });
}

template <class S>
Task<Ending> waits_readable(S& stream) {
    co_return co_await ending([&] { return stream.wait_readable(); });
}

template <class S>
Task<Ending> waits_hang_up(S& stream) {
    co_return co_await ending([&] { return stream.wait_hang_up(); });
}

/// Of a stream that has it: the wait is beside a reader and a writer, takes nothing from them, and
/// ends with the other side's end, whatever is unread, and for good.
template <class A, class B>
Task<> sees_an_end(A a, B b) {
    auto cancelled = spawn(waits_hang_up(a));
    auto reader = spawn(reads(a));
    co_await settle();
    const Ending second = co_await waits_hang_up(a);
    CHECK(second == Ending::busy);
    cancelled.cancel();
    co_await cancelled.wait();
    auto waiter = spawn(waits_hang_up(a));
    co_await b.write_all(std::string_view("n"));
    const Ending read = co_await reader;
    CHECK(read == Ending::value);
    co_await b.write_all(std::string_view("unread"));
    co_await settle();
    CHECK_FALSE(waiter.done());
    co_await b.shutdown();
    const Ending end = co_await waiter;
    CHECK(end == Ending::value);
    const Ending again = co_await waits_hang_up(a);
    CHECK(again == Ending::value);
    co_await a.write_all(std::string_view("answer"));  // it may still wait for one
    const std::string answer = co_await read_text(b, 6);
    CHECK(answer == "answer");
    const std::string unread = co_await read_text(a, 100);
    CHECK(unread == "unread");
    const Ending still = co_await waits_hang_up(a);
    CHECK(still == Ending::value);
    a.close();
    const Ending late = co_await waits_hang_up(a);
    CHECK(late == Ending::closed);
}

template <class A, class B>
Task<> waits_for_hang_up(Peers<A, B> of) {
    auto [a, b] = co_await of.make();
    if constexpr (requires { a.wait_hang_up(); }) {
        auto woken = spawn(waits_hang_up(a));
        co_await settle();
        a.close();
        const Ending closed = co_await woken;
        CHECK(closed == Ending::closed);

        auto pair = co_await of.make();
        auto held = std::make_optional(std::move(pair.first));
        auto orphan = spawn(waits_hang_up(*held));
        co_await settle();
        held.reset();
        const Ending destroyed = co_await orphan;
        CHECK(destroyed == Ending::closed);
        if (of.deaf) {
            co_return;
        }
        auto [e, f] = co_await of.make();
        auto writer = spawn(writes(e, of.plenty));
        auto waiter = spawn(waits_hang_up(e));
        co_await settle();
        CHECK_FALSE(waiter.done());
        f.close_reset();
        const Ending reset = co_await waiter;
        CHECK(reset == Ending::value);
        const Ending written = co_await writer;
        CHECK(written == Ending::broken);

        auto [c, d] = co_await of.make();
        co_await sees_an_end(std::move(c), std::move(d));
    }
}

/// Of a stream that has it: it waits like a read, reads nothing, and then a read does not wait.
template <class A, class B>
Task<> becomes_readable(A a, B b) {
    auto reader = spawn(waits_readable(a));
    co_await settle();
    CHECK_FALSE(reader.done());
    const Ending second = co_await waits_readable(a);
    const Ending read = co_await reads(a);
    CHECK(second == Ending::busy);
    CHECK(read == Ending::busy);
    co_await b.write_all(std::string_view("news"));
    const Ending there = co_await reader;
    CHECK(there == Ending::value);
    const Ending still = co_await waits_readable(a);
    CHECK(still == Ending::value);
    const std::string got = co_await read_text(a, 4);
    CHECK(got == "news");

    auto cancelled = spawn(waits_readable(a));
    co_await settle();
    cancelled.cancel();
    co_await cancelled.wait();
    auto next = spawn(waits_readable(a));
    co_await settle();
    CHECK_FALSE(next.done());
    b.close();
    const Ending end = co_await next;
    CHECK(end == Ending::value);
    const Ending zero = co_await reads(a);
    CHECK(zero == Ending::zero);
    const Ending again = co_await waits_readable(a);
    CHECK(again == Ending::value);
    a.close();
    const Ending late = co_await waits_readable(a);
    CHECK(late == Ending::closed);
}

template <class A, class B>
Task<> waits_until_readable(Peers<A, B> of) {
    auto [a, b] = co_await of.make();
    if constexpr (requires { a.wait_readable(); }) {
        auto woken = spawn(waits_readable(a));
        co_await settle();
        a.close();
        const Ending closed = co_await woken;
        CHECK(closed == Ending::closed);
        auto [c, d] = co_await of.make();
        co_await becomes_readable(std::move(c), std::move(d));
    }
}

template <class A, class B>
Task<> carries_bytes(Peers<A, B> of) {
    auto [a, b] = co_await of.make();
    co_await a.write_all(std::string_view("hello, "));
    const std::array<std::span<const std::byte>, 3> parts{
        std::as_bytes(std::span(std::string_view("wor"))),
        std::span<const std::byte>(),
        std::as_bytes(std::span(std::string_view("ld")))};
    co_await a.write_all(std::span<const std::span<const std::byte>>(parts));
    co_await a.write_all(std::string_view());
    const std::string got = co_await read_text(b, 12);
    CHECK(got == "hello, world");
    const Ending none = co_await ending([&] { return b.read_some(std::span<std::byte>()); });
    CHECK(none == Ending::misuse);
}

template <class A, class B>
Task<> carries_plenty(Peers<A, B> of) {
    auto [a, b] = co_await of.make();
    auto writer = spawn(writes(a, of.plenty));
    const std::string got = co_await read_text(b, of.plenty);
    const Ending how = co_await writer;
    CHECK(how == Ending::value);
    CHECK(got == std::string(of.plenty, 'x'));
}

template <class A, class B>
Task<> half_closes(Peers<A, B> of) {
    auto [a, b] = co_await of.make();
    co_await a.write_all(std::string_view("last words"));
    co_await a.shutdown();
    co_await a.shutdown();  // again: nothing
    const Ending late = co_await writes(a, 1);
    CHECK(late == Ending::closed);
    const std::string got = co_await read_all(b);
    CHECK(got == "last words");
    const Ending again = co_await reads(b);
    CHECK(again == Ending::zero);
    co_await b.write_all(std::string_view("still here"));
    b.close();
    const std::string answer = co_await read_all(a);
    CHECK(answer == "still here");
}

template <class A, class B>
Task<> closing_wakes(Peers<A, B> of) {
    auto [a, b] = co_await of.make();
    auto reader = spawn(reads(a));
    auto writer = spawn(writes(a, of.plenty));
    co_await settle();
    CHECK_FALSE(reader.done());
    CHECK_FALSE(writer.done());
    a.close();
    CHECK_FALSE(reader.done());  // nothing runs inside
    const Ending read = co_await reader;
    const Ending written = co_await writer;
    CHECK(read == Ending::closed);
    CHECK(written == Ending::closed);
    a.close();
    const Ending later = co_await reads(a);
    const Ending late = co_await writes(a, 1);
    CHECK(later == Ending::closed);
    CHECK(late == Ending::closed);
}

template <class A, class B>
Task<> destroying_wakes(Peers<A, B> of) {
    auto pair = co_await of.make();
    auto held = std::make_optional(std::move(pair.first));
    auto reader = spawn(reads(*held));
    auto writer = spawn(writes(*held, of.plenty));
    co_await settle();
    auto moved = std::make_optional(std::move(*held));
    held.reset();  // of no meaning: it has moved
    co_await settle();
    CHECK_FALSE(reader.done());
    moved.reset();
    const Ending read = co_await reader;
    const Ending written = co_await writer;
    CHECK(read == Ending::closed);
    CHECK(written == Ending::closed);
}

template <class A, class B>
Task<> assigning_closes(Peers<A, B> of) {
    auto [a, b] = co_await of.make();
    auto [c, d] = co_await of.make();
    auto other = std::make_optional(std::move(c));
    auto reader = spawn(reads(a));
    co_await settle();
    a = std::move(*other);
    co_await settle();
    CHECK(reader.done());
    other.reset();
    const Ending read = co_await reader;
    CHECK(read == Ending::closed);
    const Ending peer = co_await reads(b);
    CHECK(peer == Ending::zero);
    co_await d.write_all(std::string_view("hello"));
    const std::string got = co_await read_text(a, 5);
    CHECK(got == "hello");
}

template <class A, class B>
Task<> one_of_each(Peers<A, B> of) {
    auto [a, b] = co_await of.make();
    auto reader = spawn(reads(a));
    auto writer = spawn(writes(a, of.plenty));
    co_await settle();
    const Ending read = co_await reads(a);
    const Ending written = co_await writes(a, 1);
    CHECK(read == Ending::busy);
    CHECK(written == Ending::busy);
    a.close();
    co_await reader.wait();
    co_await writer.wait();
}

template <class A, class B>
Task<> cancelled_read(Peers<A, B> of) {
    auto [a, b] = co_await of.make();
    CancelScope scope;
    auto reader = spawn(with_scope(scope, reads(b)));
    co_await settle();
    scope.cancel();
    const auto got = co_await reader;
    CHECK_FALSE(got.has_value());
    co_await a.write_all(std::string_view("nothing is lost"));
    const std::string text = co_await read_text(b, 15);
    CHECK(text == "nothing is lost");
}

/// Two that would have to wait in one select are one too many.
template <class A, class B>
Task<> one_reader_in_a_select(Peers<A, B> of) {
    auto [a, b] = co_await of.make();
    std::array<std::byte, 16> one{};
    std::array<std::byte, 16> other{};
    if constexpr (std::derived_from<decltype(a.read_some(one)), Waiter>) {
        bool refused = false;
        try {
            const auto got = co_await select(a.read_some(one), a.read_some(other));
            static_cast<void>(got);
        } catch (const BusyResource&) {
            refused = true;
        }
        CHECK(refused);
        co_await b.write_all("there");
        const Ending later = co_await reads(a);  // nobody is left in the way
        CHECK(later == Ending::value);
    }
}

template <class A, class B>
Task<> cancelled_write(Peers<A, B> of) {
    auto [a, b] = co_await of.make();
    CancelScope scope;
    auto writer = spawn(with_scope(scope, writes(a, of.plenty)));
    co_await settle();
    scope.cancel();
    const auto got = co_await writer;
    CHECK_FALSE(got.has_value());
    const Ending later = co_await writes(a, 1);
    CHECK(later == Ending::broken);
    const Ending end = co_await ending([&] { return a.shutdown(); });
    CHECK(end == Ending::broken);  // an orderly end would be a lie
    a.close();
    Ending last = Ending::value;
    while (last == Ending::value) {
        last = co_await reads(b);
    }
    CHECK(last == (of.resets ? Ending::broken : Ending::zero));
}

template <class A, class B>
Task<> reset_by_peer(Peers<A, B> of) {
    auto [a, b] = co_await of.make();
    auto reader = spawn(reads(a));
    auto writer = spawn(writes(a, of.plenty));
    co_await settle();
    b.close_reset();
    const Ending read = co_await reader;
    const Ending written = co_await writer;
    CHECK(read == Ending::broken);
    CHECK(written == Ending::broken);
}

}  // namespace eddy::testing::stream_contract

#define EDDY_STREAM_CONTRACT_CASE(Pair, name, body)                                                \
    TEST_CASE(name) {                                                                              \
        ::eddy::testing::stream_contract::run(::eddy::testing::stream_contract::described<Pair>(), \
                                              &::eddy::testing::stream_contract::body);            \
    }

/// The contract's test cases; `subject` is a string literal.
#define EDDY_STREAM_CONTRACT(subject, Pair)                                                       \
    EDDY_STREAM_CONTRACT_CASE(                                                                    \
        Pair, subject " carries spans, spans of spans and text", carries_bytes)                   \
    EDDY_STREAM_CONTRACT_CASE(Pair, subject " carries more than it holds", carries_plenty)        \
    EDDY_STREAM_CONTRACT_CASE(Pair, subject " half-closes", half_closes)                          \
    EDDY_STREAM_CONTRACT_CASE(                                                                    \
        Pair, subject " that is closed ends its reads and writes", closing_wakes)                 \
    EDDY_STREAM_CONTRACT_CASE(                                                                    \
        Pair, subject " that is destroyed ends its reads and writes", destroying_wakes)           \
    EDDY_STREAM_CONTRACT_CASE(                                                                    \
        Pair, subject " that is assigned to closes what it had", assigning_closes)                \
    EDDY_STREAM_CONTRACT_CASE(                                                                    \
        Pair, subject " has one reader and one writer at a time", one_of_each)                    \
    EDDY_STREAM_CONTRACT_CASE(                                                                    \
        Pair, subject " has one reader at a time in a select too", one_reader_in_a_select)        \
    EDDY_STREAM_CONTRACT_CASE(Pair, subject " loses nothing to a cancelled read", cancelled_read) \
    EDDY_STREAM_CONTRACT_CASE(                                                                    \
        Pair, subject " never passes half a write off as a whole", cancelled_write)               \
    EDDY_STREAM_CONTRACT_CASE(                                                                    \
        Pair, subject " can wait until there is something, if it can", waits_until_readable)      \
    EDDY_STREAM_CONTRACT_CASE(                                                                    \
        Pair, subject " can wait until the other side hangs up or closes", waits_for_hang_up)     \
    EDDY_STREAM_CONTRACT_CASE(Pair, subject " tells of a reset", reset_by_peer)
