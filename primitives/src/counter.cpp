// SPDX-License-Identifier: MIT
#include <eddy/counter.hpp>

#include <cstdint>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <eddy/detail/counter_wait.hpp>
#include <eddy/detail/waiter_heap.hpp>
#include <eddy/error.hpp>
#include <eddy/remote_counter.hpp>
#include <eddy/require.hpp>

#include "remote_sum.hpp"

namespace eddy::inline v0_1 {

namespace {

/// How far it is from `low` up to `high`, which may be more than an int64_t holds.
[[nodiscard]] std::uint64_t distance(std::int64_t low, std::int64_t high) noexcept {
    return static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
}

void require_amount(std::int64_t amount, const char* what) {
    if (amount < 0) [[unlikely]] {
        throw std::invalid_argument(std::string(what) +
                                    ": the amount is negative: " + std::to_string(amount));
    }
}

[[nodiscard]] std::string range_text(std::int64_t min, std::int64_t max) {
    return "[" + std::to_string(min) + ", " + std::to_string(max) + "]";
}

}  // namespace

Counter::Counter(detail::Amount initial, CounterOptions options)
    : value_(initial.checked("Counter")),
      min_(options.min.checked("Counter: min")),
      max_(options.max.checked("Counter: max")),
      peak_(value_) {
    if (min_ > max_ || value_ < min_ || value_ > max_) {
        throw std::invalid_argument("Counter: the initial value " + std::to_string(value_) +
                                    " is not in " + range_text(min_, max_));
    }
}

Counter::~Counter() {
    EDDY_NO_USER(waiters_ == 0,
                 "a Counter was destroyed while jobs wait on it: close() it, or end them first");
    EDDY_REQUIRE(!asking_, "a Counter was destroyed by a predicate that it is calling");
    if (remote_) {
        remote_->close(detail::RemoteSum::Last::drop);
    }
}

// --- queries -----------------------------------------------------------------------------------

std::int64_t Counter::value() const {
    bound_.check("Counter::value");
    return value_;
}

bool Counter::closed() const {
    bound_.check("Counter::closed");
    return closed_;
}

CounterStatistics Counter::statistics() const {
    bound_.check("Counter::statistics");
    return {.value = value_,
            .waiters = waiters_,
            .updates = updates_,
            .peak = peak_,
            .evaluations = evaluations_,
            .comparisons = comparisons_};
}

// --- changes -----------------------------------------------------------------------------------

std::int64_t Counter::increment(detail::Amount given) {
    bound_.check("Counter::increment");
    const std::int64_t amount = given.checked("Counter::increment");
    require_amount(amount, "Counter::increment");
    return change_by(amount, "Counter::increment");
}

std::int64_t Counter::decrement(detail::Amount given) {
    bound_.check("Counter::decrement");
    const std::int64_t amount = given.checked("Counter::decrement");
    require_amount(amount, "Counter::decrement");
    return change_by(-amount, "Counter::decrement");
}

std::int64_t Counter::add(detail::Amount delta) {
    bound_.check("Counter::add");
    return change_by(delta.checked("Counter::add"), "Counter::add");
}

std::int64_t Counter::set(detail::Amount given) {
    bound_.check("Counter::set");
    const std::int64_t value = given.checked("Counter::set");
    require_changeable("Counter::set");
    if (value < min_ || value > max_) [[unlikely]] {
        throw std::out_of_range("Counter::set: " + std::to_string(value) + " is not in " +
                                range_text(min_, max_) + "; the value stays " +
                                std::to_string(value_));
    }
    if (value != value_) {
        move_to(value);
    }
    return value;
}

void Counter::require_open(const char* what) const {
    if (closed_) [[unlikely]] {
        throw ClosedResource(std::string(what) + ": the counter is closed");
    }
}

void Counter::require_changeable(const char* what) const {
    if (asking_) [[unlikely]] {
        throw InvalidState(std::string(what) +
                           ": a predicate of wait_for must not change the counter that calls it");
    }
    require_open(what);
}

std::int64_t Counter::change_by(std::int64_t delta, const char* what) {
    require_changeable(what);
    const bool up = delta >= 0;
    const std::uint64_t room = up ? distance(value_, max_) : distance(min_, value_);
    const std::uint64_t amount = up ? static_cast<std::uint64_t>(delta)
                                    : std::uint64_t{0} - static_cast<std::uint64_t>(delta);
    if (amount > room) [[unlikely]] {
        throw std::out_of_range(std::string(what) + ": " + std::to_string(delta) +
                                " would take the counter from " + std::to_string(value_) +
                                " out of " + range_text(min_, max_) + "; it stays there");
    }
    if (delta != 0) {
        move_to(value_ + delta);
    }
    return value_;
}

void Counter::move_to(std::int64_t value) noexcept {
    value_ = value;
    ++updates_;
    if (value > peak_) {
        peak_ = value;
    }
    if (waiters_ != 0) {
        wake();
    }
}

void Counter::close() {
    bound_.check("Counter::close");
    if (closed_) {
        return;
    }
    require_changeable("Counter::close");
    if (remote_) {
        remote_->close(detail::RemoteSum::Last::apply);
    }
    closed_ = true;
    make_all_due(low_);
    make_all_due(high_);
    make_all_due(zeros_);
    make_all_due(general_);
    commit_due();
}

RemoteCounter Counter::remote() {
    bound_.check("Counter::remote");
    require_open("Counter::remote");
    if (!remote_ || remote_->closed()) {  // closed: by the end of an earlier loop
        remote_ = std::make_shared<detail::RemoteSum>(*this);
    }
    return RemoteCounter(remote_);
}

// --- waking ------------------------------------------------------------------------------------

/// The value has changed. First the predicates, which are user code and may take any waiter away
/// (cancel it, grant another part of its select); from then on nothing but commits happens.
void Counter::wake() noexcept {
    if (!general_.empty()) {
        ask_general();
    }
    while (!low_.empty() && (++comparisons_, low_.top().key <= value_)) {
        make_due(static_cast<detail::CounterWait&>(low_.top()));
    }
    while (!high_.empty() && (++comparisons_, high_.top().key <= ~value_)) {
        make_due(static_cast<detail::CounterWait&>(high_.top()));
    }
    if (value_ == 0) {
        make_all_due(zeros_);
    }
    commit_due();
}

void Counter::ask_general() noexcept {
    cursor_ = general_.first();
    while (cursor_ != general_.end()) {
        auto& wait = static_cast<detail::CounterWait&>(*cursor_);
        cursor_ = cursor_->next;
        bool matched = true;
        if (wait.kind_ == detail::CounterWait::Kind::predicate) {
            try {
                matched = ask(wait);
            } catch (...) {
                wait.error_ = std::current_exception();
            }
        }
        if (matched && wait.where_ == detail::CounterWait::Where::general) {
            make_due(wait);
        }
    }
    cursor_ = nullptr;
}

bool Counter::ask(detail::CounterWait& wait) {
    class Asking final {
    public:
        explicit Asking(bool& flag) noexcept : flag_(flag) { flag_ = true; }
        Asking(const Asking&) = delete;
        Asking& operator=(const Asking&) = delete;
        ~Asking() { flag_ = false; }

    private:
        bool& flag_;
    };
    const Asking asking(asking_);
    ++evaluations_;
    return wait.matches(value_);
}

void Counter::make_due(detail::CounterWait& wait) noexcept {
    delist(wait);
    ++waiters_;
    wait.value_ = value_;
    wait.closed_ = closed_;
    wait.key = wait.number_;
    wait.where_ = detail::CounterWait::Where::due;
    due_.insert(wait);
}

void Counter::make_all_due(detail::WaiterHeap& heap) noexcept {
    while (!heap.empty()) {
        make_due(static_cast<detail::CounterWait&>(heap.top()));
    }
}

void Counter::make_all_due(detail::WaiterRing& ring) noexcept {
    while (!ring.empty()) {
        make_due(static_cast<detail::CounterWait&>(*ring.first()));
    }
}

/// A commit may take others away, those of the same select, but none that is popped.
void Counter::commit_due() noexcept {
    while (!due_.empty()) {
        auto& wait = static_cast<detail::CounterWait&>(due_.top());
        delist(wait);
        wait.commit();
    }
}

// --- waits -------------------------------------------------------------------------------------

void Counter::enlist(detail::CounterWait& wait) noexcept {
    using Kind = detail::CounterWait::Kind;
    using Where = detail::CounterWait::Where;
    wait.number_ = next_number_++;
    ++waiters_;
    switch (wait.kind_) {
        case Kind::at_least:
            wait.where_ = Where::low;
            wait.key = wait.threshold_;
            low_.insert(wait);
            break;
        case Kind::at_most:
            wait.where_ = Where::high;
            wait.key = ~wait.threshold_;
            high_.insert(wait);
            break;
        case Kind::zero:
            wait.where_ = Where::zeros;
            zeros_.push_back(wait);
            break;
        case Kind::change:
        case Kind::predicate:
            wait.where_ = Where::general;
            general_.push_back(wait);
            break;
    }
}

void Counter::delist(detail::CounterWait& wait) noexcept {
    using Where = detail::CounterWait::Where;
    switch (std::exchange(wait.where_, Where::nowhere)) {
        case Where::nowhere:
            return;
        case Where::low:
            low_.remove(wait);
            break;
        case Where::high:
            high_.remove(wait);
            break;
        case Where::due:
            due_.remove(wait);
            break;
        case Where::general:
            if (cursor_ == &wait) {
                cursor_ = wait.next;
            }
            detail::WaiterRing::remove(wait);
            break;
        case Where::zeros:
            detail::WaiterRing::remove(wait);
            break;
    }
    --waiters_;
}

Counter::Wait Counter::wait_until_zero() {
    if (min_ > 0 || max_ < 0) {
        throw std::invalid_argument("Counter::wait_until_zero: zero is not in " +
                                    range_text(min_, max_));
    }
    return Wait(*this, Wait::Kind::zero, 0);
}

Counter::Wait Counter::wait_at_least(detail::Amount given) {
    const std::int64_t threshold = given.checked("Counter::wait_at_least");
    if (threshold > max_) {
        throw std::invalid_argument("Counter::wait_at_least: " + std::to_string(threshold) +
                                    " is beyond " + range_text(min_, max_));
    }
    return Wait(*this, Wait::Kind::at_least, threshold);
}

Counter::Wait Counter::wait_at_most(detail::Amount given) {
    const std::int64_t threshold = given.checked("Counter::wait_at_most");
    if (threshold < min_) {
        throw std::invalid_argument("Counter::wait_at_most: " + std::to_string(threshold) +
                                    " is below " + range_text(min_, max_));
    }
    return Wait(*this, Wait::Kind::at_most, threshold);
}

Counter::Wait Counter::wait_change() { return Wait(*this, Wait::Kind::change, 0); }

const char* Counter::Wait::what() const noexcept {
    switch (kind()) {
        case Kind::at_least:
            return "Counter::wait_at_least";
        case Kind::at_most:
            return "Counter::wait_at_most";
        case Kind::zero:
            return "Counter::wait_until_zero";
        default:
            return "Counter::wait_change";
    }
}

}  // namespace eddy::inline v0_1
