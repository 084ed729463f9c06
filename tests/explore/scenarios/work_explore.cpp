// SPDX-License-Identifier: MIT
#include <array>
#include <atomic>
#include <memory>
#include <stop_token>
#include <thread>

#include <eddy/executor.hpp>

#include "call.hpp"
#include "explore.hpp"
#include "loop.hpp"

namespace {

/// An executor with one thread for each work, and nothing that takes one back: a work that is
/// withdrawn is run all the same, which gives it back.
class Threads final : public eddy::Executor {
public:
    void submit(eddy::Work& work) override {
        threads_.at(used_++) = std::thread([&work] { work.run(); });
    }
    void join() {
        for (std::thread& thread : threads_) {
            if (thread.joinable()) {
                thread.join();
            }
        }
    }

private:
    std::array<std::thread, 2> threads_;
    std::size_t used_ = 0;
};

void wait_for_stop(const std::stop_token& token) {
    while (!token.stop_requested()) {
        std::this_thread::yield();  // a stop that gets lost is a livelock
    }
}

}  // namespace

EXPLORE("work: two results reach a sleeping loop") {
    CoreLoop loop;
    Threads threads;
    Call a;
    Call b;
    loop.spawn([&] { return offload_one(threads, {}, a); });
    loop.spawn([&] { return offload_one(threads, {}, b); });
    loop.run();
    loop.end();
    threads.join();
    a.must_be_over_once();
    b.must_be_over_once();
    explore::check(a.returned == 1 && b.returned == 1, "nobody has cancelled");
}

EXPLORE("work: a claim against a withdrawal") {
    CoreLoop loop;
    Threads threads;
    Call a;
    Call b;
    loop.spawn([&] { return offload_one(threads, {}, a); });
    loop.spawn([&] { return offload_one(threads, {}, b); });
    loop.core().run_turn();
    loop.cancel();
    loop.run();
    loop.end();
    threads.join();
    a.must_be_over_once();
    b.must_be_over_once();
}

EXPLORE("work: a stop reaches the call that asks for it meanwhile") {
    CoreLoop loop;
    Threads threads;
    Call call;
    const auto fn = [](std::stop_token token, Call* its) {
        ++its->ran;
        wait_for_stop(token);
    };
    loop.spawn([&] { return offload(threads, {}, call, fn, &call); });
    loop.core().run_turn();
    loop.cancel();
    loop.run();
    loop.end();
    threads.join();
    call.must_be_over_once();
}

EXPLORE("work: a call that is left alone ends alone") {
    CoreLoop loop;
    Threads threads;
    Call call;
    const auto ran = std::make_shared<std::atomic<int>>(0);
    const auto fn = [](std::stop_token token, std::shared_ptr<std::atomic<int>> counter) {
        counter->fetch_add(1, std::memory_order_relaxed);
        wait_for_stop(token);
    };
    const eddy::OffloadOptions options{.on_cancel = eddy::OnCancel::abandon};
    loop.spawn([&] { return offload(threads, options, call, fn, ran); });
    loop.core().run_turn();
    loop.cancel();
    loop.run();
    loop.end();
    threads.join();
    explore::check(ran.use_count() == 1, "the call is gone, with its arguments");
    explore::check(call.cancelled == 1 || ran->load() == 1, "withdrawn, left alone, or ended");
}
