// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>

#include <eddy/detail/any_operation.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/frame_pool.hpp>
#include <eddy/detail/peeked_reads.hpp>
#include <eddy/error.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/net/peer_watch.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/wait_queue.hpp>

/// The inside of an `AnyStream`: the stream, behind virtual functions that make operations.

namespace eddy::inline v0_1::detail {

class AnyStreamBox;

/// Says by its address which type is in a box; for programs without RTTI too.
template <class T>
struct EDDY_VISIBLE AnyTag final {
    static constexpr char tag = 0;
    static const void* of() noexcept { return &tag; }
};

// The rooms: what the operations of sockets and memory streams take, to the byte.
class EDDY_VISIBLE AnyRead : public AnyOperation<std::size_t, 80> {
public:
    AnyRead(AnyStreamBox& box, std::span<std::byte> into);
};
class EDDY_VISIBLE AnyReadable : public AnyOperation<void, 80> {
public:
    explicit AnyReadable(AnyStreamBox& box);
};
class EDDY_VISIBLE AnyHangUp : public AnyOperation<void, 80> {
public:
    explicit AnyHangUp(AnyStreamBox& box);
};
class EDDY_VISIBLE AnyShutdown : public AnyOperation<void, 64, true> {
public:
    explicit AnyShutdown(AnyStreamBox& box);
};

/// A write may have sent a part when it was tried, so a select does not repeat that.
template <class R>
class EDDY_VISIBLE AnyWrite : public AnyOperation<R, 112, true> {
public:
    static constexpr bool looks_again = true;

    void start() {
        const bool ended = this->must_look() && this->try_now();
        ended ? this->commit() : AnyOperation<R, 112, true>::start();
    }
};
class EDDY_VISIBLE AnyWriteSome : public AnyWrite<std::size_t> {
public:
    AnyWriteSome(AnyStreamBox& box, std::span<const std::byte> bytes);
};
class EDDY_VISIBLE AnyWriteAll : public AnyWrite<void> {
public:
    AnyWriteAll(AnyStreamBox& box, std::span<const std::byte> bytes);
    AnyWriteAll(AnyStreamBox& box, std::span<const std::span<const std::byte>> several);
};

/// One block of the frame pool.
class EDDY_API AnyStreamBox {
public:
    AnyStreamBox() noexcept = default;
    AnyStreamBox(const AnyStreamBox&) = delete;
    AnyStreamBox& operator=(const AnyStreamBox&) = delete;
    virtual ~AnyStreamBox() = default;

    static void* operator new(std::size_t size) { return FramePool::allocate(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
        FramePool::release(memory, size);
    }

    /// The stream, if that is its type.
    [[nodiscard]] virtual void* find(const void* type) noexcept = 0;
    virtual void read_some(AnyRead& op, std::span<std::byte> into) = 0;
    virtual void wait_readable(AnyReadable& op) = 0;
    virtual void wait_hang_up(AnyHangUp& op) = 0;
    virtual void write_some(AnyWriteSome& op, std::span<const std::byte> bytes) = 0;
    virtual void write_all(AnyWriteAll& op, std::span<const std::byte> bytes) = 0;
    virtual void write_all(AnyWriteAll& op,
                           std::span<const std::span<const std::byte>> several) = 0;
    virtual void shutdown(AnyShutdown& op) = 0;
    virtual void close() = 0;
    virtual void close_reset() = 0;
    [[nodiscard]] virtual PeerWatch& peer_watch() = 0;
};

inline AnyRead::AnyRead(AnyStreamBox& box, std::span<std::byte> into) {
    box.read_some(*this, into);
}
inline AnyReadable::AnyReadable(AnyStreamBox& box) { box.wait_readable(*this); }
inline AnyHangUp::AnyHangUp(AnyStreamBox& box) { box.wait_hang_up(*this); }
inline AnyShutdown::AnyShutdown(AnyStreamBox& box) { box.shutdown(*this); }
inline AnyWriteSome::AnyWriteSome(AnyStreamBox& box, std::span<const std::byte> bytes) {
    box.write_some(*this, bytes);
}
inline AnyWriteAll::AnyWriteAll(AnyStreamBox& box, std::span<const std::byte> bytes) {
    box.write_all(*this, bytes);
}
inline AnyWriteAll::AnyWriteAll(AnyStreamBox& box,
                                std::span<const std::span<const std::byte>> several) {
    box.write_all(*this, several);
}

// --- what the stream may have besides ----------------------------------------------------------

/// `wait_readable` and `wait_hang_up`, where it has them, are operations.
template <class S>
concept WaitsByOperation = (!WaitsReadable<S> || requires(S& stream) {
                               requires WaitOperation<decltype(stream.wait_readable())>;
                           }) && (!WaitsHangUp<S> || requires(S& stream) {
                               requires WaitOperation<decltype(stream.wait_hang_up())>;
                           });

template <class S>
concept CloseResets = requires(S& stream) { stream.close_reset(); };
/// Nobody's limit on silence applies: it never waits for its peer, as far as it can tell.
class EDDY_VISIBLE Unwatched final : public PeerWatch {
private:
    [[nodiscard]] bool waits_for_peer() const noexcept override { return false; }
    void peer_was_silent() noexcept override {}
};
struct EDDY_VISIBLE Watched final {};

/// Of a stream that does not hear of it: the waits for its peer's hang-up, which only its own end
/// ends.
class EDDY_VISIBLE UnheardHangUps final {
public:
    class Wait final : public QueuedWaiter {
    public:
        explicit Wait(UnheardHangUps& all) noexcept : all_(all) {}
        [[nodiscard]] bool try_now() {
            all_.bound_.check("wait_hang_up");
            if (all_.closed_) {
                throw_closed();
            }
            return false;
        }
        void start() noexcept { all_.waiting_.push_back(*this); }
        void take() { throw_closed(); }
        [[nodiscard]] const char* what() const noexcept override { return "wait_hang_up"; }

    private:
        [[noreturn]] static void throw_closed() {
            throw ClosedResource("wait_hang_up: this stream is closed");
        }
        UnheardHangUps& all_;
    };

    UnheardHangUps() noexcept = default;
    UnheardHangUps(const UnheardHangUps&) = delete;
    UnheardHangUps& operator=(const UnheardHangUps&) = delete;
    ~UnheardHangUps() { close(); }

    void close() noexcept {
        closed_ = true;
        waiting_.wake_all();
    }

private:
    LoopBound bound_;
    bool closed_ = false;
    WaitQueue waiting_;
};
struct EDDY_VISIBLE HeardHangUps final {
    void close() noexcept {}
};
struct EDDY_VISIBLE NotPeeked final {};

// --- the box -----------------------------------------------------------------------------------

template <class S>
class EDDY_VISIBLE AnyStreamBoxOf final : public AnyStreamBox {
    static_assert(alignof(S) <= alignof(std::max_align_t),
                  "AnyStream keeps streams in memory that is aligned for max_align_t: keep what "
                  "needs more in a block of its own, by a pointer");

public:
    static constexpr bool peeks = !WaitsReadable<S>;
    using PeekedPointer = std::conditional_t<peeks, std::shared_ptr<Peeked>, NotPeeked>;

    [[nodiscard]] static PeekedPointer make_peeked() {
        if constexpr (peeks) {
            return std::make_shared<Peeked>();
        } else {
            return NotPeeked();
        }
    }

    /// What can throw comes first: then the stream is where it was.
    explicit AnyStreamBoxOf(S&& stream) : AnyStreamBoxOf(std::move(stream), make_peeked()) {}
    AnyStreamBoxOf(S&& stream, PeekedPointer peeked)
        : peeked_(std::move(peeked)), stream_(std::move(stream)) {}
    ~AnyStreamBoxOf() override { forget(); }

private:
    using HangUps = std::conditional_t<WaitsHangUp<S>, HeardHangUps, UnheardHangUps>;
    using Watch = std::conditional_t<PeerWatched<S>, Watched, Unwatched>;
    using Spans = std::span<const std::span<const std::byte>>;

    [[nodiscard]] void* find(const void* type) noexcept override {
        return type == AnyTag<S>::of() ? std::addressof(stream_) : nullptr;
    }
    void read_some(AnyRead& op, std::span<std::byte> into) override {
        if constexpr (peeks) {
            op.emplace([&] { return PeekedRead<S>(peeked_, stream_, into); });
        } else {
            op.emplace([&] { return stream_.read_some(into); });
        }
    }
    void wait_readable(AnyReadable& op) override {
        if constexpr (peeks) {
            op.emplace([&] { return PeekedReadable<S>(peeked_, stream_); });
        } else {
            op.emplace([&] { return stream_.wait_readable(); });
        }
    }
    void wait_hang_up(AnyHangUp& op) override {
        if constexpr (WaitsHangUp<S>) {
            op.emplace([&] { return stream_.wait_hang_up(); });
        } else {
            op.emplace([&] { return UnheardHangUps::Wait(hang_ups_); });
        }
    }
    void write_some(AnyWriteSome& op, std::span<const std::byte> bytes) override {
        op.emplace([&] { return stream_.write_some(bytes); });
    }
    void write_all(AnyWriteAll& op, std::span<const std::byte> bytes) override {
        op.emplace([&] { return stream_.write_all(bytes); });
    }
    void write_all(AnyWriteAll& op, Spans several) override {
        op.emplace([&] { return stream_.write_all(several); });
    }
    void shutdown(AnyShutdown& op) override {
        op.emplace([&] { return stream_.shutdown(); });
    }
    void close() override {
        stream_.close();
        forget();
    }
    void close_reset() override {
        if constexpr (CloseResets<S>) {
            stream_.close_reset();
        } else {
            stream_.close();
        }
        forget();
    }
    [[nodiscard]] PeerWatch& peer_watch() override {
        if constexpr (PeerWatched<S>) {
            return stream_.peer_watch();
        } else {
            return watch_;
        }
    }

    void forget() noexcept {
        hang_ups_.close();
        if constexpr (peeks) {
            if (peeked_ != nullptr) {
                peeked_->close();
            }
        }
    }

    [[no_unique_address]] Watch watch_;
    [[no_unique_address]] HangUps hang_ups_;
    [[no_unique_address]] PeekedPointer peeked_;
    S stream_;
};

}  // namespace eddy::inline v0_1::detail
