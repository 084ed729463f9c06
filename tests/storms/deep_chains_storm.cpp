// SPDX-License-Identifier: MIT
// Tasks that await each other, as deep as there is memory: they begin, end, fail, are cancelled,
// and are destroyed with their loop in a stack that does not grow with them. So do awaits one
// after the other that never wait.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include <eddy/error.hpp>
#include <eddy/observer.hpp>
#include <eddy/run.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "storm.hpp"

namespace {

using eddy::Task;

[[gnu::noinline]] std::intptr_t address_here() {
    return reinterpret_cast<std::intptr_t>(__builtin_frame_address(0));
}

/// How far the stack ever went.
struct Stack {
    std::intptr_t base = address_here();
    std::intptr_t deepest = 0;
    void look() { deepest = std::max(deepest, std::abs(base - address_here())); }
};

/// Looks at the stack when it is destroyed, whatever destroys it.
class Looks final {
public:
    explicit Looks(Stack& stack) noexcept : stack_(stack) {}
    Looks(const Looks&) = delete;
    Looks& operator=(const Looks&) = delete;
    ~Looks() { stack_.look(); }

private:
    Stack& stack_;
};

enum class Bottom { returns, fails, sleeps };

Task<std::size_t> chain(std::size_t depth, Bottom bottom, Stack& stack) {
    const Looks looks(stack);
    if (depth == 0) {
        stack.look();
        co_await eddy::yield();
        if (bottom == Bottom::fails) {
            throw std::runtime_error("from the bottom");
        }
        if (bottom == Bottom::sleeps) {
            co_await eddy::sleep_forever();
        }
        co_return 0;
    }
    const std::size_t below = co_await chain(depth - 1, bottom, stack);
    co_return below + 1;
}

Task<std::size_t> leaf(Stack& stack) {
    const Looks looks(stack);
    co_return 1;
}

Task<bool> all_ends(std::size_t depth, Stack& stack) {
    const std::size_t reached = co_await chain(depth, Bottom::returns, stack);
    bool failed = false;
    try {
        const std::size_t none = co_await chain(depth, Bottom::fails, stack);
        static_cast<void>(none);
    } catch (const std::runtime_error&) {
        failed = true;
    }
    auto job = eddy::spawn(chain(depth, Bottom::sleeps, stack));
    co_await eddy::sleep_for(std::chrono::seconds(1));
    job.cancel();
    co_await job.wait();
    std::size_t sum = 0;
    for (std::size_t i = 0; i < depth; ++i) {
        sum += co_await leaf(stack);
    }
    co_return reached == depth&& failed&& sum == depth;
}

/// Leaves a chain to the end of the loop, which cancels it, or finds it deaf and destroys it.
Task<> left_behind(std::size_t depth, bool deaf, Stack& stack) {
    auto waits = chain(depth, Bottom::sleeps, stack);
    if (deaf) {
        eddy::spawn(eddy::shield(std::move(waits))).detach();
    } else {
        eddy::spawn(std::move(waits)).detach();
    }
    co_await eddy::sleep_for(std::chrono::seconds(1));
}

bool deep_chains(std::size_t depth) {
    Stack stack;
    eddy::testing::VirtualClock clock;
    eddy::Observer nobody;
    const eddy::LoopOptions options{.clock = &clock, .observer = &nobody};
    const bool ended = eddy::run(all_ends(depth, stack), {}, options);
    bool good = storms::check(ended, "every chain ends as it should");
    for (const bool deaf : {false, true}) {
        eddy::run(left_behind(depth, deaf, stack), {.grace = std::chrono::seconds(1)}, options);
    }
    std::printf("deepest stack: %zd bytes\n", static_cast<std::ptrdiff_t>(stack.deepest));
    good &= storms::check(stack.deepest > 0, "somebody looked");
    good &= storms::check(stack.deepest < 256 * 1024, "the stack does not grow with the chain");
    return good;
}

const storms::Registered registered(
    {"deep_chains", "tasks in each other", 100'000, 1'000'000, deep_chains});

}  // namespace
