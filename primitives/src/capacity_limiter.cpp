// SPDX-License-Identifier: MIT
#include <eddy/capacity_limiter.hpp>

#include <stdexcept>
#include <string>

#include <eddy/detail/spawn_job.hpp>
#include <eddy/error.hpp>
#include <eddy/require.hpp>

namespace eddy::inline v0_1 {

namespace {

using Role = detail::BorrowerTable::Role;

std::int64_t checked_total(detail::Amount given) {
    const std::int64_t total = given.checked("CapacityLimiter: the total");
    if (total < 0) {
        throw std::invalid_argument("CapacityLimiter: the total is negative: " +
                                    std::to_string(total) + "; 0 lets nobody in");
    }
    return total;
}

Borrower current_job(const char* what) { return Borrower::job(detail::require_job(what).id); }

std::string describe(const Borrower& borrower) {
    switch (borrower.kind()) {
        case Borrower::Kind::job:
            return "job #" + std::to_string(borrower.value());
        case Borrower::Kind::number:
            return "borrower " + std::to_string(borrower.value());
        case Borrower::Kind::object:
            break;
    }
    return "this object";
}

}  // namespace

CapacityLimiter::CapacityLimiter(detail::Amount total) : total_(checked_total(total)) {}

CapacityLimiter::~CapacityLimiter() {
    EDDY_NO_USER(empty(), "a CapacityLimiter was destroyed while jobs wait on it: end them first");
    EDDY_NO_USER(borrowed_ == 0,
                 "a CapacityLimiter was destroyed while tokens of it are held: let them go first");
}

std::int64_t CapacityLimiter::total() const {
    bound_.check("CapacityLimiter::total");
    return total_;
}

void CapacityLimiter::set_total(detail::Amount total) {
    bound_.check("CapacityLimiter::set_total");
    total_ = checked_total(total);
    grant_all();
}

std::int64_t CapacityLimiter::borrowed() const {
    bound_.check("CapacityLimiter::borrowed");
    return borrowed_;
}

std::int64_t CapacityLimiter::available() const {
    bound_.check("CapacityLimiter::available");
    return total_ == infinite ? infinite : total_ - borrowed_;
}

CapacityLimiterStatistics CapacityLimiter::statistics() const {
    bound_.check("CapacityLimiter::statistics");
    return {.borrowed = borrowed_,
            .total = total_,
            .borrowers = table_.all(Role::borrowing),
            .waiters = size()};
}

std::optional<CapacityToken> CapacityLimiter::try_acquire() {
    bound_.check("CapacityLimiter::try_acquire");
    return try_acquire_on_behalf_of(current_job("CapacityLimiter::try_acquire"));
}

std::optional<CapacityToken> CapacityLimiter::try_acquire_on_behalf_of(Borrower borrower) {
    bound_.check("CapacityLimiter::try_acquire");
    if (!take_now(borrower)) {
        return std::nullopt;
    }
    return CapacityToken(*this, borrower);
}

void CapacityLimiter::require_stranger(const Borrower& borrower) const {
    const Role role = table_.role(borrower);
    if (role != Role::none) [[unlikely]] {
        throw InvalidState(
            "CapacityLimiter::acquire: " + describe(borrower) +
            (role == Role::borrowing ? " has a token already" : " waits for a token already") +
            "; each borrower gets one, acquire_on_behalf_of says who it is");
    }
}

bool CapacityLimiter::take_now(const Borrower& borrower) {
    require_stranger(borrower);
    if (borrowed_ >= total_) {  // as long as anybody waits
        return false;
    }
    table_.insert(borrower, Role::borrowing);
    ++borrowed_;
    return true;
}

void CapacityLimiter::give_back(const Borrower& borrower) noexcept {
    table_.erase(borrower);
    --borrowed_;
    grant_all();
}

bool CapacityLimiter::fits(const detail::GrantWait& wait) const noexcept {
    static_cast<void>(wait);
    return borrowed_ < total_;
}

bool CapacityLimiter::grant(detail::GrantWait& wait) noexcept {
    if (!fits(wait)) {
        return false;
    }
    table_.set_role(static_cast<Acquire&>(wait).borrower(), Role::borrowing);
    ++borrowed_;
    return true;
}

void CapacityLimiter::take_back(detail::GrantWait& wait) noexcept {
    give_back(static_cast<Acquire&>(wait).borrower());
}

void CapacityLimiter::left(detail::GrantWait& wait) noexcept {
    table_.erase(static_cast<Acquire&>(wait).borrower());
    grant_all();
}

bool CapacityLimiter::Acquire::try_now() {
    limiter_.bound_.check(what());
    if (for_caller_) {
        borrower_ = current_job(what());
    }
    if (!limiter_.take_now(borrower())) {
        return false;
    }
    answer_ = Answer::granted;
    return true;
}

void CapacityLimiter::Acquire::start() {
    limiter_.require_stranger(borrower());  // again: a select may try two before it queues one
    limiter_.table_.insert(borrower(), Role::waiting);
    limiter_.add(*this);
}

void CapacityToken::release() noexcept {
    if (limiter_ != nullptr) {
        EDDY_REQUIRE(limiter_->bound_.here(),
                     "a CapacityToken ended on another thread: keep it on its limiter's "
                     "loop");
        std::exchange(limiter_, nullptr)->give_back(borrower_);
    }
}

}  // namespace eddy::inline v0_1
