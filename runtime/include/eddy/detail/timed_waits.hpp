// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/outer_wait.hpp>
#include <eddy/detail/stream_watch.hpp>
#include <eddy/detail/timed_parts.hpp>
#include <eddy/detail/timed_state.hpp>
#include <eddy/error.hpp>
#include <eddy/select.hpp>

/// The operations of a `TimedStream` whose stream has operations.

namespace eddy::inline v0_1::detail {

/// A wait made of others, of one side of a timed stream. `Base`: `OuterWait` or `SteppedWait`.
///
/// Invariant: verdict_ != nullptr if the watch has ended it, or, while it is still queued, has
///            asked what is in flight to end.
template <class Base>
class EDDY_VISIBLE TimedWait : public Base, private StreamWatch::Patient {
protected:
    using Side = StreamWatch::Side;

    TimedWait(StreamWatch& watch, Side side) noexcept : watch_(watch), side_(side) {}
    ~TimedWait() override = default;

    /// It is like new.
    void begin_timed() {
        verdict_ = nullptr;
        watch_.begins(side_);
    }
    void go_on_timed() { watch_.begins(side_); }
    template <class Op>
    void start_timed(Op& op) {
        watch_.waits(side_, *this);
        try {
            this->start_inner(op);
        } catch (...) {
            watch_.stopped(side_);
            throw;
        }
    }
    /// A stepped one has its side meanwhile.
    void go_on_later_timed() {
        watch_.waits(side_, *this);
        this->go_on_later();
    }
    void stopped() noexcept { watch_.stopped(side_); }
    void moved(std::size_t bytes) noexcept { watch_.moved(side_, bytes); }
    [[nodiscard]] Side side() const noexcept { return side_; }
    [[nodiscard]] bool out_of_time() const noexcept { return verdict_ != nullptr; }
    [[noreturn]] void throw_timed_out() { watch_.throw_timed_out(side_, verdict_); }

    void unlink() noexcept override {
        stopped();
        Base::unlink();
    }
    [[nodiscard]] bool abort() noexcept override {
        if (out_of_time() || !Base::abort()) {
            return false;
        }
        stopped();
        return true;
    }
    [[nodiscard]] bool sever() noexcept override {
        if (!Base::sever()) {
            return false;
        }
        stopped();
        return true;
    }

private:
    void look() noexcept final { this->catch_up(); }
    void out_of_time(const char* verdict) noexcept final {
        if (out_of_time()) {
            return;
        }
        verdict_ = verdict;
        if (Base::abort()) {
            stopped();
            this->commit();
        }
    }

    StreamWatch& watch_;  // in the state that the derived class keeps
    Side side_;
    const char* verdict_ = nullptr;
};

/// One operation of the stream.
template <class Shared, class Op>
class EDDY_VISIBLE TimedOperation : public TimedWait<OuterWait> {
public:
    static constexpr bool calls_out = detail::calls_out<Op>;
    static constexpr bool looks_again = detail::looks_again<Op>;
    static constexpr bool steps_call_out = detail::steps_call_out<Op>;
    static constexpr bool take_calls_out = detail::take_calls_out<Op>;
    using Result = decltype(std::declval<Op&>().take());

    /// `make(stream)` makes the operation.
    template <class Make>
    TimedOperation(std::shared_ptr<Shared> state, Side side, Make&& make)
        : TimedWait(state->watch, side),
          state_(std::move(state)),
          op_(std::forward<Make>(make)(state_->stream)) {}

    [[nodiscard]] bool try_now() {
        begin_timed();
        if (side() == Side::write) {
            state_->require_whole();
        }
        if (!op_.try_now()) {
            return false;
        }
        holds(op_);
        return true;
    }
    void start() { start_timed(op_); }
    Result take() {
        if (out_of_time()) [[unlikely]] {
            return take_late();
        }
        return take_inner();
    }
    [[nodiscard]] const char* what() const noexcept override { return op_.what(); }

private:
    void committed(Waiter& operation, bool willing) noexcept override {
        stopped();
        OuterWait::committed(operation, willing);
    }

    Result take_inner() {
        left();
        if constexpr (std::is_void_v<Result>) {
            op_.take();
            moved(0);
        } else {
            const Result length = op_.take();
            moved(length);
            return length;
        }
    }
    /// What was in flight may have come all the same.
    Result take_late() {
        if (inner() != nullptr) {
            try {
                return take_inner();
            } catch (const Cancelled&) {  // it has ended as it was asked to
            }
        }
        throw_timed_out();
    }

    std::shared_ptr<Shared> state_;
    Op op_;
};

/// A place for one of two operations; an `OperationSlot` says why they are laundered.
template <class A, class B>
class EitherSlot final {
public:
    EitherSlot() noexcept {}
    EitherSlot(const EitherSlot&) = delete;
    EitherSlot& operator=(const EitherSlot&) = delete;
    ~EitherSlot() { reset(); }

    template <class Make>
    void emplace_first(Make&& make) {
        reset();
        ::new (static_cast<void*>(&one)) A(std::forward<Make>(make)());
        full_ = Full::first;
    }
    template <class Make>
    void emplace_second(Make&& make) {
        reset();
        ::new (static_cast<void*>(&other)) B(std::forward<Make>(make)());
        full_ = Full::second;
    }
    void reset() noexcept {
        const Full was = std::exchange(full_, Full::none);
        if (was == Full::first) {
            std::destroy_at(std::launder(&one));
        } else if (was == Full::second) {
            std::destroy_at(std::launder(&other));
        }
    }
    [[nodiscard]] A& first() noexcept { return one; }
    [[nodiscard]] B& second() noexcept { return other; }
    [[nodiscard]] bool has_first() const noexcept { return full_ == Full::first; }

private:
    enum class Full : std::uint8_t { none, first, second };
    union {
        A one;
        B other;
    };
    Full full_ = Full::none;
};

/// A write of everything. A small one is one operation of the stream, gathered; the timeouts see it
/// as a whole. A large one goes in parts, so that they see it move.
template <class Shared, class Bytes>
class EDDY_VISIBLE TimedWriteAll : public TimedWait<SteppedWait> {
    using Inner = typename Shared::Inner;
    using Span = std::span<const std::byte>;
    using Spans = std::span<const Span>;
    using Whole = decltype(std::declval<Inner&>().write_all(std::declval<const Bytes&>()));
    using Part = decltype(std::declval<Inner&>().write_some(std::declval<const Span&>()));

public:
    static constexpr bool calls_out = detail::calls_out<Whole> || detail::calls_out<Part>;
    static constexpr bool steps_call_out =
        detail::any_call_out<Whole> || detail::any_call_out<Part>;
    static constexpr bool looks_again = true;  // a try may have sent a part: it is not repeated

    TimedWriteAll(std::shared_ptr<Shared> state, Bytes bytes)
        : TimedWait(state->watch, Side::write), state_(std::move(state)), bytes_(bytes) {}

    [[nodiscard]] bool try_now() {
        begin();
        begin_timed();
        state_->require_whole();
        tore_ = done_ = unsaid_ = breathes_ = false;
        next_ = offset_ = 0;
        std::size_t size = 0;
        for (const Span span : spans()) {
            size += span.size();
        }
        if (size > small_write) {
            return write_parts();
        }
        group_ = {spans().size(), size};
        ops_.emplace_first([this] { return state_->stream.write_all(bytes_); });
        if (!ops_.first().try_now()) {
            return false;
        }
        take_group();
        return true;
    }
    void start() {
        const bool ended = !breathes_ && try_again();
        ended ? commit() : wait();
    }
    void take() {
        if (done_) {  // whatever has been asked of it meanwhile
            return;
        }
        if (out_of_time()) [[unlikely]] {
            take_late();
            return;
        }
        take_in_time();
    }
    [[nodiscard]] const char* what() const noexcept override { return "TimedStream::write_all"; }

private:
    static constexpr int most_at_once = 64;  // parts

    [[nodiscard]] Spans spans() const noexcept {
        if constexpr (std::is_same_v<Bytes, Spans>) {
            return bytes_;
        } else {
            return Spans(&bytes_, 1);
        }
    }

    [[nodiscard]] bool try_part() {
        const bool ended = ops_.has_first() ? ops_.first().try_now() : ops_.second().try_now();
        if (ended) {
            take_part();
        }
        return ended;
    }
    void take_part() { ops_.has_first() ? take_group() : take_piece(); }
    void take_group() {
        ops_.first().take();
        moved(group_.bytes);
        next_ += group_.count;
        note_written();
    }
    void take_piece() {
        const std::size_t length = ops_.second().take();
        moved(length);
        offset_ += length;
        note_written();
    }
    void note_written() {
        if (skip_written()) {
            state_->tear();
            tore_ = true;
            return;
        }
        if (tore_) {  // and nobody else
            state_->torn = false;
        }
        done_ = true;
    }
    /// False: nothing is left.
    [[nodiscard]] bool skip_written() noexcept {
        const Spans all = spans();
        while (next_ != all.size() && offset_ == all[next_].size()) {
            ++next_;
            offset_ = 0;
        }
        return next_ != all.size();
    }

    /// From where it is, as far as it goes at once. True: everything is written.
    [[nodiscard]] bool write_parts() {
        for (int i = 0; i != most_at_once; ++i) {
            next_part();
            if (!try_part()) {
                return false;
            }
            if (done_) {
                return true;
            }
        }
        next_part();
        breathes_ = true;
        return false;
    }
    void next_part() {
        static_cast<void>(skip_written());  // spans that are empty
        const Spans all = spans();
        if (!next_group(all)) {
            ops_.emplace_second(
                [&] { return state_->stream.write_some(all[next_].subspan(offset_)); });
        }
    }
    /// Small spans that follow each other go in one write.
    [[nodiscard]] bool next_group(Spans all) {
        if constexpr (std::is_same_v<Bytes, Spans>) {
            group_ = offset_ == 0 ? small_group(all, next_) : SpanGroup{};
            if (group_.count > 1) {
                ops_.emplace_first(
                    [&] { return state_->stream.write_all(all.subspan(next_, group_.count)); });
                return true;
            }
        }
        return false;
    }

    /// Between the try and the start, code of another operation of the select may have run.
    [[nodiscard]] bool try_again() {
        const bool may =
            ops_.has_first() ? !detail::looks_again<Whole> : !detail::looks_again<Part>;
        return may && try_part() && (done_ || write_parts());
    }
    void wait() {
        if (breathes_) {
            go_on_later_timed();
        } else if (ops_.has_first()) {
            start_timed(ops_.first());
        } else {
            start_timed(ops_.second());
        }
    }

    /// The only one ends it at once, so that no other of its select can happen after that.
    void committed(Waiter& operation, bool willing) noexcept override {
        if (!tore_ && ops_.has_first() && next_ + group_.count == spans().size()) {
            stopped();
            OuterWait::committed(operation, willing);
        } else {
            SteppedWait::committed(operation, willing);
        }
    }
    void collect() override {
        stopped();
        take_part();
        unsaid_ = done_;
    }
    [[nodiscard]] bool proceed() override {
        unsaid_ = false;
        if (done_) {
            return true;
        }
        stopped();  // it had its side in the turn that it left to others
        breathes_ = false;
        go_on_timed();
        const bool all = write_parts();
        if (!all) {
            wait();
        }
        return all;
    }
    void pass_on() noexcept override {
        if (inner() != nullptr && asked_to_end()) {  // another one of its select has won meanwhile
            collect_lost();
        }
        TimedWait::pass_on();
    }
    /// What has gone out as a whole, and lost all the same, must not be sent again.
    void given_up() noexcept override {
        if (unsaid_) {
            state_->tear();
            done_ = false;
        }
    }

    void take_in_time() {
        if (inner() != nullptr) {
            left();
            take_group();
        } else {
            conclude();
        }
    }
    /// What was in flight may have been the last of it.
    void take_late() {
        try {
            take_in_time();
        } catch (const Cancelled&) {  // it has ended as it was asked to
        }
        if (!done_) {
            throw_timed_out();
        }
    }

    std::shared_ptr<Shared> state_;
    Bytes bytes_;
    EitherSlot<Whole, Part> ops_;
    std::size_t next_ = 0;    // where it is: in that span,
    std::size_t offset_ = 0;  // so many bytes in
    SpanGroup group_;         // what the first of ops_ writes
    bool breathes_ = false;   // before the part in the slot is tried
    bool tore_ = false;       // a part is out,
    bool done_ = false;       // everything is written,
    bool unsaid_ = false;     // and it has not said so yet
};

/// Not timed: it never waits for long.
template <class Shared>
class EDDY_VISIBLE TimedShutdown : public OuterWait {
    using Op = decltype(std::declval<typename Shared::Inner&>().shutdown());

public:
    static constexpr bool calls_out = detail::calls_out<Op>;
    static constexpr bool looks_again = detail::looks_again<Op>;
    static constexpr bool steps_call_out = detail::steps_call_out<Op>;

    explicit TimedShutdown(std::shared_ptr<Shared> state)
        : state_(std::move(state)), op_(state_->stream.shutdown()) {}

    [[nodiscard]] bool try_now() {
        state_->require_no_write();
        if (!op_.try_now()) {
            return false;
        }
        holds(op_);
        return true;
    }
    void start() { start_inner(op_); }
    void take() {
        left();
        op_.take();
    }
    [[nodiscard]] const char* what() const noexcept override { return op_.what(); }

private:
    std::shared_ptr<Shared> state_;
    Op op_;
};

}  // namespace eddy::inline v0_1::detail
