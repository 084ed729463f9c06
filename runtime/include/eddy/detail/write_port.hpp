// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <span>
#include <utility>

#include <eddy/detail/awaiting.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/outer_wait.hpp>
#include <eddy/detail/wait_owner.hpp>
#include <eddy/net/stream.hpp>
#include <eddy/select.hpp>

namespace eddy::inline v0_1::detail {

/// A stream, without its type, as it is written to by what has no job: one write at a time.
class EDDY_VISIBLE WritePort {
public:
    using Bytes = std::span<const std::byte>;

    WritePort(const WritePort&) = delete;
    WritePort& operator=(const WritePort&) = delete;

    /// True: all of it has been written. False: the write waits, and `owner` hears of its end, at
    /// the earliest inside this call. The parts, and the list, stay where they are until then.
    ///
    /// Throws: what the stream throws; nothing waits then.
    [[nodiscard]] virtual bool write(std::span<const Bytes> parts, WaitOwner& owner) = 0;
    /// The write that waited has been committed. Throws what it failed with.
    virtual void finish() = 0;
    /// Before something else ends the wait for it: the one that waits looks what it has got.
    virtual void catch_up() noexcept = 0;
    /// Gives the write that waits up, as if its frame had died. Does nothing without one.
    virtual void leave() noexcept = 0;
    /// Nothing more will come: the other side must not take what it has for the whole.
    virtual void tear() noexcept = 0;

protected:
    WritePort() noexcept = default;
    ~WritePort() = default;
};

/// Of one stream. Drives the stream's own operation, which has no job, so that no scope asks it to
/// end: it ends by itself, by a timeout of the stream's own, or is left.
template <class S>
class EDDY_VISIBLE WritePortOf final : public WritePort {
    static_assert(WritesByOperation<S>,
                  "this writes by the stream's operations: have write_some, write_all and shutdown "
                  "of a stream of your own return one, that of the stream inside or eddy::then, "
                  "and no task");

public:
    using WriteAll = decltype(std::declval<S&>().write_all(std::declval<std::span<const Bytes>>()));

private:
    static_assert(!detail::calls_out<WriteAll>,
                  "a writer gives its write up when it ends: one that goes on in the outside world "
                  "(from_callback) would still read memory that is gone");

public:
    explicit WritePortOf(S& stream) noexcept : stream_(stream) {}
    ~WritePortOf() { leave(); }

    [[nodiscard]] S& stream() const noexcept { return stream_; }

    [[nodiscard]] bool write(std::span<const Bytes> parts, WaitOwner& owner) override {
        WriteAll& op = op_.emplace([&] { return stream_.write_all(parts); });
        try {
            if (op.try_now()) {
                op.take();
                op_.reset();
                return true;
            }
            WaiterAccess::owner(op) = &owner;
            WaiterAccess::state(op) = WaiterAccess::State::queued;
            op.start();
            return false;
        } catch (...) {
            left();
            throw;
        }
    }

    void finish() override {
        WaiterAccess::state(*op_) = WaiterAccess::State::done;
        WaiterAccess::owner(*op_) = nullptr;
        try {
            op_->take();
        } catch (...) {
            op_.reset();
            throw;
        }
        op_.reset();
    }

    void catch_up() noexcept override {
        if (op_.full() && WaiterAccess::state(*op_) == WaiterAccess::State::queued) {
            WaiterAccess::catch_up(*op_);
        }
    }

    void leave() noexcept override {
        if (!op_.full()) {
            return;
        }
        Waiter& op = *op_;
        const bool queued = WaiterAccess::state(op) == WaiterAccess::State::queued;
        WaiterAccess::state(op) = WaiterAccess::State::done;
        WaiterAccess::owner(op) = nullptr;
        queued ? WaiterAccess::unlink(op) : WaiterAccess::pass_on(op);
        op_.reset();
    }

    void tear() noexcept override {
        try {
            if constexpr (requires { stream_.close_reset(); }) {
                stream_.close_reset();
            } else {
                stream_.close();
            }
        } catch (const std::exception&) {  // it was moved from, or closed: nothing to tear
        }
    }

private:
    void left() noexcept {
        WaiterAccess::state(*op_) = WaiterAccess::State::done;
        WaiterAccess::owner(*op_) = nullptr;
        op_.reset();
    }

    // Invariant: op_ is full if and only if a write waits, or has been committed and not finished.
    S& stream_;
    OperationSlot<WriteAll> op_;
};

}  // namespace eddy::inline v0_1::detail
