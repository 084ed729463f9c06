// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include <eddy/await_result.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/stream_watch.hpp>
#include <eddy/detail/timed_parts.hpp>
#include <eddy/detail/timed_state.hpp>
#include <eddy/error.hpp>
#include <eddy/scope.hpp>
#include <eddy/task.hpp>
#include <eddy/yield.hpp>

/// What a `TimedStream` does whose stream has tasks in place of operations.

namespace eddy::inline v0_1::detail {

/// One of them, inside a scope that the watch cancels.
class EDDY_VISIBLE ScopedPatience final : private StreamWatch::Patient {
public:
    ScopedPatience(StreamWatch& watch, StreamWatch::Side side, CancelScope& scope)
        : watch_(watch), side_(side), scope_(scope) {
        watch.begins(side);
        watch.waits(side, *this);
    }
    ScopedPatience(const ScopedPatience&) = delete;
    ScopedPatience& operator=(const ScopedPatience&) = delete;
    ~ScopedPatience() { watch_.stopped(side_); }

    void moved(std::size_t bytes) noexcept {
        watch_.stopped(side_);
        watch_.moved(side_, bytes);
    }
    [[noreturn]] void throw_timed_out() {
        watch_.stopped(side_);
        watch_.throw_timed_out(side_, verdict_ != nullptr ? verdict_ : "timed out");
    }

private:
    void out_of_time(const char* verdict) noexcept override {
        verdict_ = verdict;
        scope_.cancel("TimedStream");
    }

    StreamWatch& watch_;
    StreamWatch::Side side_;
    CancelScope& scope_;
    const char* verdict_ = nullptr;
};

/// `make(stream)` makes the task, which moves so many bytes, unless it says how many.
template <class State, class Make>
Task<std::size_t> timed_task(std::shared_ptr<State> state,
                             StreamWatch::Side side,
                             Make make,
                             std::size_t length) {
    co_await checkpoint();
    CancelScope scope;
    ScopeEntry entry(scope);
    ScopedPatience patience(state->watch, side, scope);
    try {
        if constexpr (std::is_void_v<await_result_t<decltype(make(state->stream))>>) {
            co_await make(state->stream);
        } else {
            length = co_await make(state->stream);
        }
        patience.moved(length);
        co_return length;
    } catch (const Cancelled&) {
        const bool ours = entry.leave_absorbing();
        if (!ours) {
            throw;
        }
    }
    patience.throw_timed_out();
}

template <class State>
Task<std::size_t> write_some_task(std::shared_ptr<State> state, std::span<const std::byte> bytes) {
    co_await checkpoint();
    state->require_whole();
    const auto make = [bytes](auto& stream) { return stream.write_some(bytes); };
    co_return co_await timed_task(state, StreamWatch::Side::write, make, 0);
}

template <class State>
Task<> readable_task(std::shared_ptr<State> state) {
    const auto make = [](auto& stream) { return stream.wait_readable(); };
    const std::size_t none = co_await timed_task(state, StreamWatch::Side::read, make, 0);
    static_cast<void>(none);
}

/// A small write is one operation of the stream, gathered; a large one goes in parts.
template <class State, class Bytes>
Task<> write_all_task(std::shared_ptr<State> state, Bytes bytes) {
    using Span = std::span<const std::byte>;
    co_await checkpoint();
    state->require_whole();
    std::span<const Span> spans;
    if constexpr (std::is_same_v<Bytes, Span>) {
        spans = std::span<const Span>(&bytes, 1);
    } else {
        spans = bytes;
    }
    std::size_t size = 0;
    for (const Span span : spans) {
        size += span.size();
    }
    if (size <= small_write) {
        const auto make = [bytes](auto& stream) { return stream.write_all(bytes); };
        co_await timed_task(state, StreamWatch::Side::write, make, size);
        co_return;
    }
    for (std::size_t next = 0; next != spans.size();) {
        if (spans[next].empty()) {
            ++next;
            continue;
        }
        const SpanGroup group = small_group(spans, next);
        if (group.count > 1) {
            const std::span<const Span> parts = spans.subspan(next, group.count);
            const auto make = [parts](auto& stream) { return stream.write_all(parts); };
            co_await timed_task(state, StreamWatch::Side::write, make, group.bytes);
            state->tear();
            next += group.count;
            continue;
        }
        Span rest = spans[next];
        ++next;
        while (!rest.empty()) {
            const auto make = [rest](auto& stream) { return stream.write_some(rest); };
            const std::size_t length =
                co_await timed_task(state, StreamWatch::Side::write, make, 0);
            state->tear();
            rest = rest.subspan(length);
        }
    }
    state->torn = false;
}

template <class State>
Task<> shutdown_task(std::shared_ptr<State> state) {
    co_await checkpoint();
    state->require_no_write();
    co_await state->stream.shutdown();
}

}  // namespace eddy::inline v0_1::detail
