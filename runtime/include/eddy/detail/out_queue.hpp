// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <span>

#include <eddy/detail/export.hpp>
#include <eddy/detail/loop_core.hpp>
#include <eddy/detail/wait_owner.hpp>
#include <eddy/detail/write_port.hpp>
#include <eddy/loop_bound.hpp>
#include <eddy/select.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1::detail {

class QueueFlush;

/// What is to be written to a stream, and the sending of it: once per turn, without a job. What
/// `BufferedWriter` and `Outbox` have in common; each of them says what it has.
///
/// States of the sending:
///
/// | state     | what is there                                        | ends by     |
/// |-----------|------------------------------------------------------|-------------|
/// | idle      | nothing to send; no memory                           | `accept`    |
/// | scheduled | something; a call at the end of this turn is queued  | `send`      |
/// | writing   | the stream's operation waits, or is being asked      | `committed` |
/// | ended     | it was committed; a call is queued for its result    | `call`      |
///
/// Who owns what: the frame that has the writer owns this, the port in it and the stream's
/// operation in that, which refers to the parts below and to memory that is kept until it has
/// ended. The loop knows at most one call of ours, the stream at most one operation, and both are
/// unlinked, in this order, by whatever comes first: a failure, the end of the loop (before that of
/// the stream), `end` in the destructor. In a forked child the same, but the stream is not touched:
/// it is the parent that sends.
///
/// Numbers count what was accepted, in any unit, so that a flush knows when all before it is gone.
class EDDY_API OutQueue : private WaitOwner, private LoopCallback, private CloseListener {
public:
    OutQueue(const OutQueue&) = delete;
    OutQueue& operator=(const OutQueue&) = delete;

    /// Throws: `WrongThread` naming `what`.
    void check(const char* what) const { bound_.check(what); }
    /// For who comes new: not after a failure, nor after or during a shutdown, nor after the loop.
    [[nodiscard]] bool is_open() const noexcept {
        return !failure_ && !closed_ && !loop_over_ && shutdowns_ == 0;
    }
    /// Throws the failure, or `ClosedResource`.
    void require_open(const char* what) const {
        if (!is_open()) [[unlikely]] {
            refuse(what);
        }
    }
    [[nodiscard]] const std::exception_ptr& failure() const noexcept { return failure_; }
    [[nodiscard]] bool failed() const noexcept { return failure_ != nullptr || loop_over_; }
    [[noreturn]] void refuse(const char* what) const;

    /// Sends what there is, unless a write waits already.
    void send() noexcept;

    /// Everything that has been accepted up to `number` has been sent, or dropped.
    [[nodiscard]] bool sent_up_to(std::uint64_t number) const noexcept { return gone_ >= number; }
    [[nodiscard]] std::uint64_t accepted() const noexcept { return accepted_; }
    /// Nothing is to be sent, and nobody waits to add something.
    [[nodiscard]] bool is_drained() const noexcept {
        return gone_ == accepted_ && !somebody_is_coming();
    }

    // --- for a shutdown ------------------------------------------------------------------------
    /// From now on who comes new is refused.
    void begin_shutdown() noexcept {
        ++shutdowns_;
        hot_ = false;
    }
    void end_shutdown() noexcept { --shutdowns_; }
    void shut() noexcept {
        closed_ = true;
        hot_ = false;
    }
    [[nodiscard]] bool is_shut() const noexcept { return closed_; }

protected:
    using Bytes = WritePort::Bytes;
    static constexpr std::size_t max_parts = 16;  // of one system call

    explicit OutQueue(WritePort& port) noexcept : port_(port) {}
    ~OutQueue() override = default;

    /// For the destructor of whoever has the memory: leaves loop and stream, and tears the stream
    /// if it has not got everything.
    void end() noexcept;

    /// Something was added, `count` in numbers.
    void accept(std::uint64_t count) noexcept {
        accepted_ += count;
        if (state_ == State::idle) {
            schedule();
        }
    }
    /// Something has been accepted in this turn, and nothing has changed since: who comes is
    /// welcome on this thread, and the call at the turn's end is queued.
    [[nodiscard]] bool is_hot() const noexcept { return hot_; }
    void accept_more(std::uint64_t count) noexcept { accepted_ += count; }
    /// The next `count` in numbers are gone: sent, or dropped.
    void gone(std::uint64_t count) noexcept { gone_ += count; }
    /// Whoever waits for what is gone, or until nobody adds anything any more.
    void wake_flushes() noexcept;

    /// Nothing can be sent any more: forgets what was to be, wakes everybody.
    void fail(std::exception_ptr why) noexcept;
    /// The same, and the other side is told.
    void fail_and_tear(std::exception_ptr why) noexcept;

    /// Learns its loop. Throws: `InvalidState` outside a loop, and as `check`.
    void enter_loop(const char* what) {
        check(what);
        if (core_ == nullptr) [[unlikely]] {
            find_loop(what);
        }
    }
    /// Looks whether the stream has ended its write in this moment.
    void catch_up() noexcept;
    [[nodiscard]] std::uint64_t writes() const noexcept { return writes_; }
    /// What was gathered last is with the stream, and stays where it is.
    [[nodiscard]] bool writing() const noexcept { return state_ >= State::writing; }

private:
    friend class QueueFlush;

    enum class State : std::uint8_t { idle, scheduled, writing, ended };

    /// Fills `parts` from the front with what is to be sent next; returns how many. It stays where
    /// it is until `sent`, or `forget`.
    [[nodiscard]] virtual std::size_t gather(std::span<Bytes> parts) noexcept = 0;
    /// What was gathered last has been written.
    virtual void sent() noexcept = 0;
    /// It has failed.
    virtual void forget() noexcept = 0;
    /// After `sent` or a failure: lets those in who wait to add something, or tells them so.
    virtual void admit() noexcept = 0;
    [[nodiscard]] virtual bool somebody_is_coming() const noexcept = 0;

    void committed(Waiter& operation, bool willing) noexcept override;
    void call() override;
    void loop_closing() noexcept override;

    void schedule() noexcept;
    void take_result() noexcept;
    void stop() noexcept;
    void leave() noexcept;
    void find_loop(const char* what);

    WritePort& port_;
    LoopCore* core_ = nullptr;  // from the first use until the loop ends
    LoopBound bound_;
    State state_ = State::idle;
    bool hot_ = false;     // implies scheduled, open
    bool closed_ = false;  // shut down
    bool loop_over_ = false;
    bool asking_ = false;  // the stream is being called, and its operation must not go away
    std::uint32_t shutdowns_ = 0;
    std::uint64_t accepted_ = 0;
    std::uint64_t gone_ = 0;
    std::uint64_t writes_ = 0;
    std::exception_ptr failure_;
    WaitQueue flushes_;  // in the order of their numbers
    WaitQueue drains_;
    std::array<Bytes, max_parts> parts_{};
};

/// `flush`, `drained`: waits until what was accepted before it has been sent.
class EDDY_API QueueFlush : public QueuedWaiter {
public:
    static constexpr bool looks_again = true;  // a try may have sent a part

    enum class Until : bool { now, drained };  // the latter: and nobody waits to add something

    QueueFlush(OutQueue& queue, const char* name, Until until = Until::now) noexcept
        : queue_(queue), name_(name), until_(until) {}

    [[nodiscard]] bool try_now();
    void start();
    void take() const;
    [[nodiscard]] const char* what() const noexcept override { return name_; }

private:
    friend class OutQueue;
    void catch_up() noexcept override;
    [[nodiscard]] bool reached() const noexcept;

    OutQueue& queue_;
    const char* name_;
    std::uint64_t target_ = 0;
    const Until until_;
};

/// Of one stream: that calls out if the stream's own write does, which it takes when it is tried.
template <class S>
class QueueFlushOf final : public QueueFlush {
public:
    static constexpr bool calls_out = detail::calls_out<typename WritePortOf<S>::WriteAll>;
    static constexpr bool steps_call_out = detail::any_call_out<typename WritePortOf<S>::WriteAll>;
    using QueueFlush::QueueFlush;
};

}  // namespace eddy::inline v0_1::detail
