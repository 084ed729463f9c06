// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include <eddy/detail/buffer_pool.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/expression_task.hpp>
#include <eddy/detail/outer_wait.hpp>
#include <eddy/detail/promise.hpp>
#include <eddy/detail/read_buffer.hpp>
#include <eddy/detail/reader_wait.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/select.hpp>
#include <eddy/task.hpp>
#include <eddy/yield.hpp>

/// How the readers of streams get at bytes: operations, if those of the stream are, else tasks that
/// do the same.

namespace eddy::inline v0_1::detail {

template <class S>
using ReadOf = decltype(std::declval<S&>().read_some(std::span<std::byte>()));

template <class S>
inline constexpr bool read_calls_out = detail::any_call_out<ReadOf<S>>;

template <class S>
struct ReadableOf {
    using type = void;
};
template <WaitsReadable S>
struct ReadableOf<S> {
    using type = decltype(std::declval<S&>().wait_readable());
};

template <class S>
concept WaitsReadableByOperation = WaitsReadable<S> && WaitOperation<typename ReadableOf<S>::type>;

/// Its readers' operations are made of its own.
template <class S>
concept ReadInSteps = ReadsByOperation<S> && (!WaitsReadable<S> || WaitsReadableByOperation<S>);

/// The wait of a stream until there is something, or nothing if it has none.
template <class S>
class ReadableSlot final {
public:
    static constexpr bool calls_out = false;
    void reset() noexcept {}
};
template <class S>
    requires WaitsReadable<S>
class ReadableSlot<S> final {
    using Op = typename ReadableOf<S>::type;

public:
    static constexpr bool calls_out = detail::any_call_out<Op>;
    void reset() noexcept { op_.reset(); }
    [[nodiscard]] Op& emplace(S& stream) {
        return op_.emplace([&stream] { return stream.wait_readable(); });
    }
    [[nodiscard]] bool full() const noexcept { return op_.full(); }
    [[nodiscard]] Op& operator*() noexcept { return *op_; }

private:
    OperationSlot<Op> op_;
};

// --- operations --------------------------------------------------------------------------------

/// A wait until what `Look` looks for is in the buffer.
template <class S, class Look>
class EDDY_VISIBLE PieceWait : public ReaderWait {
public:
    static constexpr bool calls_out = read_calls_out<S> || ReadableSlot<S>::calls_out;
    static constexpr bool looks_again = false;

    PieceWait(S& stream, ReadBuffer& buffer, const Look& look) noexcept
        : ReaderWait(buffer, Look::name), stream_(stream), look_(look) {}

    [[nodiscard]] bool try_now() {
        begin();
        return try_as_user([this] { return look_anew(); });
    }
    void start() {
        start_as_user([this](bool undisturbed) {
            // Another operation of the select may have read, and moved the buffer meanwhile.
            if (!undisturbed && look_anew()) {
                commit();
            } else {
                wait();
            }
        });
    }
    [[nodiscard]] typename Look::Result take() {
        leave();
        conclude();
        return look_.take(buffer_);
    }

private:
    [[nodiscard]] bool look_anew() {
        readable_.reset();
        read_.reset();
        ended_ = later_ = false;
        look_.begin();
        return go_on();
    }
    /// Looks, and reads as long as the stream has something at once, and others can wait.
    [[nodiscard]] bool go_on() {
        for (unsigned reads = 0; !look_.complete(buffer_); ++reads) {
            if (ended_) {
                look_.at_end(buffer_);
                return true;
            }
            later_ = reads == at_once;
            if (later_ || !read_at_once()) {
                return false;
            }
        }
        return true;
    }
    [[nodiscard]] bool read_at_once() {
        if constexpr (WaitsReadable<S>) {
            if (buffer_.rest()) {
                auto& readable = readable_.emplace(stream_);
                if (!readable.try_now()) {
                    return false;
                }
                readable.take();
                readable_.reset();
            }
        } else {
            buffer_.shrink();
        }
        auto& read = read_.emplace([this] { return stream_.read_some(buffer_.prepare()); });
        if (!read.try_now()) {
            return false;
        }
        receive();
        return true;
    }
    void receive() {
        const std::size_t length = read_->take();
        ended_ = length == 0;
        buffer_.commit(length);
    }
    void wait() {
        if (std::exchange(later_, false)) {
            go_on_later();
            return;
        }
        if constexpr (WaitsReadable<S>) {
            if (readable_.full()) {
                start_inner(*readable_);
                return;
            }
        }
        start_inner(*read_);
    }

    void collect() override {
        if constexpr (WaitsReadable<S>) {
            if (readable_.full()) {
                (*readable_).take();
                readable_.reset();
                return;
            }
        }
        receive();
    }
    [[nodiscard]] bool proceed() override {
        const bool done = go_on();
        if (!done) {
            wait();
        }
        return done;
    }

    S& stream_;
    Look look_;
    // Invariant: while it waits for the stream, readable_ is what it waits in if that is full, else
    // read_.
    ReadableSlot<S> readable_;
    OperationSlot<ReadOf<S>> read_;
    bool ended_ = false;
    bool later_ = false;  // there is more at once, but others go first
};

/// A wait for at least one byte, in memory of the caller's.
template <class S>
class EDDY_VISIBLE SomeWait final : public IntoWait {
public:
    static constexpr bool calls_out = read_calls_out<S>;
    static constexpr bool looks_again = false;

    SomeWait(S& stream, ReadBuffer& buffer, std::span<std::byte> into) noexcept
        : IntoWait(buffer, "BufferedReader::read_some", into), stream_(stream) {}

    [[nodiscard]] bool try_now() {
        begin();
        return try_as_user([this] { return look_anew(); });
    }
    void start() {
        start_as_user([this](bool undisturbed) {
            if (!undisturbed && look_anew()) {
                commit();
            } else {
                start_inner(*read_);
            }
        });
    }
    [[nodiscard]] std::size_t take() {
        const std::size_t length = finish();
        return length != 0 ? length : buffer_.take(into_);
    }

private:
    [[nodiscard]] bool look_anew() {
        if (buffer_.size() != 0 && !into_.empty()) {
            return true;
        }
        static_cast<void>(buffer_.rest());
        auto& read = read_.emplace([this] { return stream_.read_some(into_); });
        if (!read.try_now()) {
            return false;
        }
        collect();
        return true;
    }
    void collect() override { add(read_->take()); }
    [[nodiscard]] bool proceed() override { return true; }

    S& stream_;
    OperationSlot<ReadOf<S>> read_;
};

/// A wait until memory of the caller's is full.
///
/// A try goes through the buffer, so that nothing has to be unread if it was in vain; so it reads
/// no more than the least buffer holds. What is larger is read where it belongs, by `start`.
template <class S>
class EDDY_VISIBLE FillWait final : public IntoWait {
public:
    static constexpr bool calls_out = read_calls_out<S>;
    static constexpr bool looks_again = true;

    FillWait(S& stream, ReadBuffer& buffer, std::span<std::byte> into) noexcept
        : IntoWait(buffer, "BufferedReader::read_exactly", into), stream_(stream) {}

    [[nodiscard]] bool try_now() {
        begin();
        return try_as_user([this] { return fill_buffer(); });
    }
    void start() {
        start_as_user([this](bool) {
            add(buffer_.take(into_));
            static_cast<void>(buffer_.rest());
            if (proceed()) {
                commit();
            }
        });
    }
    void take() {
        if (finish() == 0) {
            static_cast<void>(buffer_.take(into_));
        }
    }

private:
    [[nodiscard]] bool fill_buffer() {
        for (unsigned reads = 0; buffer_.size() < into_.size(); ++reads) {
            const std::size_t wanted = into_.size() - buffer_.size();
            if (wanted > BufferPool::smallest || reads == at_once || !read_at_once(wanted)) {
                static_cast<void>(buffer_.rest());
                return false;
            }
        }
        return true;
    }
    /// Into the buffer, and no more than is wanted.
    [[nodiscard]] bool read_at_once(std::size_t wanted) {
        auto& read = read_.emplace([this, wanted] {
            const std::span<std::byte> room = buffer_.prepare();
            return stream_.read_some(room.first(std::min(room.size(), wanted)));
        });
        if (!read.try_now()) {
            return false;
        }
        const std::size_t length = read.take();
        if (length == 0) {
            throw_ended("read_exactly", buffer_.size(), into_.size());
        }
        buffer_.commit(length);
        return true;
    }

    void collect() override {
        const std::size_t length = read_->take();
        if (length == 0) {
            throw_ended("read_exactly", into_.size() - rest().size(), into_.size());
        }
        add(length);
    }
    /// As long as the stream has something at once, and others can wait.
    [[nodiscard]] bool proceed() override {
        for (unsigned reads = 0; !rest().empty(); ++reads) {
            if (reads == at_once) {
                go_on_later();
                return false;
            }
            auto& read = read_.emplace([this] { return stream_.read_some(rest()); });
            if (!read.try_now()) {
                start_inner(read);
                return false;
            }
            collect();
        }
        return true;
    }

    S& stream_;
    OperationSlot<ReadOf<S>> read_;
};

/// A wait until a read would not have to, without memory.
template <class S>
class EDDY_VISIBLE AnythingWait final : public ReaderWait {
public:
    static constexpr bool calls_out = ReadableSlot<S>::calls_out;
    static constexpr bool looks_again = false;

    AnythingWait(S& stream, ReadBuffer& buffer, const char* name) noexcept
        : ReaderWait(buffer, name), stream_(stream) {}

    [[nodiscard]] bool try_now() {
        begin();
        return try_as_user([this] { return look_anew(); });
    }
    void start() {
        start_as_user([this](bool undisturbed) {
            if (!undisturbed && look_anew()) {
                commit();
            } else {
                start_inner(*readable_);
            }
        });
    }
    void take() {
        leave();
        conclude();
    }

private:
    [[nodiscard]] bool look_anew() {
        if (!buffer_.rest()) {
            return true;
        }
        auto& readable = readable_.emplace(stream_);
        if (!readable.try_now()) {
            return false;
        }
        readable.take();
        return true;
    }
    void collect() override { (*readable_).take(); }
    [[nodiscard]] bool proceed() override { return true; }

    S& stream_;
    ReadableSlot<S> readable_;
};

// --- tasks -------------------------------------------------------------------------------------

template <class S, class Look>
Task<typename Look::Result> piece_task(S& stream, ReadBuffer& buffer, Look look) {
    co_await checkpoint();
    const ReadBuffer::Use use(buffer, Look::name);
    look.begin();
    while (!look.complete(buffer)) {
        if constexpr (WaitsReadable<S>) {
            if (buffer.rest()) {
                co_await stream.wait_readable();
            }
        } else {
            buffer.shrink();
        }
        const std::size_t more = co_await stream.read_some(buffer.prepare());
        if (more == 0) {
            look.at_end(buffer);
            break;
        }
        buffer.commit(more);
    }
    co_return look.take(buffer);
}

template <class S>
Task<std::size_t> some_task(S& stream, ReadBuffer& buffer, std::span<std::byte> into) {
    co_await checkpoint();
    const ReadBuffer::Use use(buffer, "BufferedReader::read_some");
    if (buffer.size() == 0 || into.empty()) {
        static_cast<void>(buffer.rest());
        co_return co_await stream.read_some(into);
    }
    co_return buffer.take(into);
}

template <class S>
Task<> fill_task(S& stream, ReadBuffer& buffer, std::span<std::byte> into) {
    co_await checkpoint();
    const ReadBuffer::Use use(buffer, "BufferedReader::read_exactly");
    ReadBuffer::Filling filling(buffer, into);
    while (!filling.rest().empty()) {
        static_cast<void>(buffer.rest());
        const std::size_t more = co_await stream.read_some(filling.rest());
        if (more == 0) {
            throw_ended("read_exactly", filling.done(), into.size());
        }
        filling.add(more);
    }
}

template <class S>
Task<> anything_task(S& stream, ReadBuffer& buffer, const char* name) {
    co_await checkpoint();
    const ReadBuffer::Use use(buffer, name);
    if (buffer.rest()) {
        co_await stream.wait_readable();
    }
}

// --- either ------------------------------------------------------------------------------------

template <class S, class Look>
[[nodiscard]] auto read_piece(S& stream, ReadBuffer& buffer, const Look& look) {
    if constexpr (ReadInSteps<S>) {
        return PieceWait<S, Look>(stream, buffer, look);
    } else {
        return piece_task(stream, buffer, look);
    }
}

/// What it looks for is a temporary.
template <class S, class Look>
[[nodiscard]] auto read_piece_of_temporary(S& stream, ReadBuffer& buffer, const Look& look) {
    if constexpr (ReadInSteps<S>) {
        return OfTemporary<PieceWait<S, Look>>(stream, buffer, look);
    } else {
        return ExpressionTask(piece_task(stream, buffer, look));
    }
}

template <class S>
[[nodiscard]] auto read_some(S& stream, ReadBuffer& buffer, std::span<std::byte> into) {
    if constexpr (ReadInSteps<S>) {
        return SomeWait<S>(stream, buffer, into);
    } else {
        return some_task(stream, buffer, into);
    }
}

template <class S>
[[nodiscard]] auto read_fully(S& stream, ReadBuffer& buffer, std::span<std::byte> into) {
    if constexpr (ReadInSteps<S>) {
        return FillWait<S>(stream, buffer, into);
    } else {
        return fill_task(stream, buffer, into);
    }
}

template <class S>
[[nodiscard]] auto wait_for_anything(S& stream, ReadBuffer& buffer, const char* name) {
    if constexpr (ReadInSteps<S>) {
        return AnythingWait<S>(stream, buffer, name);
    } else {
        return anything_task(stream, buffer, name);
    }
}

}  // namespace eddy::inline v0_1::detail
