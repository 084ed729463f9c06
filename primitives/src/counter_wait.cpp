// SPDX-License-Identifier: MIT
#include <eddy/detail/counter_wait.hpp>

#include <exception>
#include <string>
#include <utility>

#include <eddy/counter.hpp>
#include <eddy/error.hpp>

namespace eddy::inline v0_1::detail {

bool CounterWait::holds_now() {
    switch (kind_) {
        case Kind::at_least:
            return counter_.value_ >= threshold_;
        case Kind::at_most:
            return counter_.value_ <= threshold_;
        case Kind::zero:
            return counter_.value_ == 0;
        case Kind::predicate:
            return counter_.ask(*this);
        case Kind::change:
            break;
    }
    return false;
}

bool CounterWait::try_now() {
    counter_.bound_.check(what());
    counter_.require_open(what());
    error_ = nullptr;
    closed_ = false;
    seen_ = counter_.updates_;
    value_ = counter_.value_;
    return holds_now();
}

/// In a `select`, what was tried after this one may have changed or closed the counter.
void CounterWait::start() {
    if (counter_.closed_) [[unlikely]] {
        closed_ = true;
        commit();
        return;
    }
    if (seen_ != counter_.updates_) [[unlikely]] {
        value_ = counter_.value_;
        if (kind_ == Kind::change || holds_now()) {
            commit();
            return;
        }
    }
    counter_.enlist(*this);
}

std::int64_t CounterWait::take() {
    if (error_) {
        std::rethrow_exception(std::exchange(error_, nullptr));
    }
    if (closed_) {
        throw ClosedResource(std::string(what()) + ": the counter was closed");
    }
    return value_;
}

void CounterWait::unlink() noexcept { counter_.delist(*this); }

}  // namespace eddy::inline v0_1::detail
