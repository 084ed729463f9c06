// SPDX-License-Identifier: MIT
#include <eddy/os/signal_set.hpp>

#include <algorithm>
#include <csignal>
#include <stdexcept>
#include <string>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/require.hpp>

#include "uv/signal_watch.hpp"

namespace eddy::inline v0_1 {

namespace {

/// Without doubles.
std::vector<int> checked(std::span<const int> numbers) {
    std::vector<int> kept;
    for (const int number : numbers) {
        if (number <= 0 || number >= NSIG || number == SIGKILL || number == SIGSTOP) {
            throw std::invalid_argument("SignalSet: signal " + std::to_string(number) +
                                        " cannot be caught");
        }
        if (std::find(kept.begin(), kept.end(), number) == kept.end()) {
            kept.push_back(number);
        }
    }
    if (kept.empty()) {
        throw std::invalid_argument("SignalSet needs at least one signal");
    }
    return kept;
}

}  // namespace

SignalSet::SignalSet(std::span<const int> numbers)
    : watch_(detail::SignalWatch::open(checked(numbers))) {
    bound_.check("SignalSet");
}

SignalSet::~SignalSet() {
    EDDY_NO_USER(!watch_->has_waiters(),
                 "a SignalSet was destroyed while jobs wait on it: end them first");
    watch_->let_go();
}

SignalSetStatistics SignalSet::statistics() const {
    bound_.check("SignalSet::statistics");
    return {.received = watch_->received(),
            .coalesced = watch_->coalesced(),
            .pending = watch_->pending(),
            .waiters = watch_->waiters()};
}

SignalSet::Next SignalSet::next() { return Next(bound_, *watch_); }

bool SignalSet::Next::try_now() {
    bound_.check("SignalSet::next");
    if (!watch_.is_open()) {
        throw LoopClosed("SignalSet::next: the loop of this set is over");
    }
    return watch_.take(*this);
}

void SignalSet::Next::start() { watch_.wait(*this); }

void SignalSet::Next::pass_on() noexcept { watch_.give_back(*this); }

}  // namespace eddy::inline v0_1
