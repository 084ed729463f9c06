// SPDX-License-Identifier: MIT
#include <array>
#include <memory>
#include <mutex>
#include <thread>

#include <eddy/executor.hpp>

#include "explore.hpp"
#include "work_stack.hpp"

using eddy::Work;
using eddy::detail::WorkStack;

namespace {

/// Frees itself when it is ended, as works do.
class Call final : public Work {
public:
    Call(int from, int number) : sender(from), payload(number) {}
    ~Call() override = default;

    const int sender;
    int payload;  // ordinary: has to come with the work

private:
    void invoke() noexcept override {}
    void drop_call() noexcept override {}
    void destroy() noexcept override { delete this; }
};

/// What a pool does with its stack: under the lock it takes, opens and shuts.
struct Pool {
    std::mutex lock;
    std::unique_ptr<WorkStack> stack = std::make_unique<WorkStack>();
    std::array<int, 2> taken{};    // under the lock
    std::array<int, 2> refused{};  // the submitter's

    void take(Work* first) {
        while (first != nullptr) {
            Work* const next = WorkStack::next_of(*first);
            end(*first);
            first = next;
        }
    }
    void end(Work& work) {
        auto& call = static_cast<Call&>(work);
        explore::check(call.payload == ++taken.at(static_cast<unsigned>(call.sender)),
                       "in order, each once");
        delete &call;  // who has pushed it looks at it no more
    }
    void submit(int sender, int count) {
        for (int i = 1; i <= count; ++i) {
            auto* const call = new Call(sender, i);
            if (!stack->push(*call)) {
                const std::lock_guard held(lock);
                ++refused.at(static_cast<unsigned>(sender));
                take(stack->take_all());  // what is there is before it
                end(*call);
            }
        }
    }
};

}  // namespace

EXPLORE("work stack: everything comes out once, and nobody looks at it after the push") {
    Pool pool;
    pool.stack->open();
    std::thread a([&] { pool.submit(0, 2); });
    std::thread b([&] { pool.submit(1, 1); });
    while (pool.taken[0] + pool.taken[1] < 3) {
        pool.take(pool.stack->take_all());
        std::this_thread::yield();
    }
    pool.stack.reset();
    a.join();
    b.join();
}

EXPLORE("work stack: shut, it refuses, and keeps nothing") {
    Pool pool;
    std::thread a([&] { pool.submit(0, 2); });
    std::thread b([&] { pool.submit(1, 1); });
    {
        const std::lock_guard held(pool.lock);
        pool.stack->open();
    }
    {
        const std::lock_guard held(pool.lock);
        pool.take(pool.stack->shut());
    }
    a.join();
    b.join();
    explore::check(pool.stack->take_all() == nullptr, "no work is in a stack that is shut");
    explore::check(pool.taken[0] == 2 && pool.taken[1] == 1, "each of them has come");
}
