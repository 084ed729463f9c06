// SPDX-License-Identifier: MIT
#pragma once

#include "harness.hpp"

/// What the cases about temporaries await.
namespace canary {

template <typename Function>
Task<int> call(Function function) {
    co_await pause();
    co_return function();
}

inline Task<int> get(Tracked value) {
    co_await pause();
    co_return value.value();
}

inline Task<int> get_reference(const Tracked& value) {
    co_await pause();
    co_return value.value();
}

struct Aggregate {
    Tracked value;
    int more = 0;
};

inline Task<int> sum(Aggregate aggregate) {
    co_await pause();
    co_return aggregate.value.value() + aggregate.more;
}

}  // namespace canary
