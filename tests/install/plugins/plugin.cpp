// SPDX-License-Identifier: MIT
// A plugin with an Eddy of its own; compiled twice, PLUGIN is the name. It uses what has state or a
// virtual function in a header: the loop of the thread, frames, calls, callbacks, shared pointers.
#include "plugin.hpp"

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <tuple>

#include <eddy/current_job.hpp>
#include <eddy/error.hpp>
#include <eddy/event.hpp>
#include <eddy/from_callback.hpp>
#include <eddy/gather.hpp>
#include <eddy/loop.hpp>
#include <eddy/run.hpp>
#include <eddy/run_in_executor.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/with_scope.hpp>

namespace {

using namespace std::chrono_literals;
using eddy::Task;

Task<> open(std::shared_ptr<eddy::Event> door) {
    co_await eddy::sleep_for(1us);
    door->set();
}

Task<int> add(int a, int b) {
    co_await eddy::sleep_for(1us);
    co_return a + b;
}

void answer(eddy::Completion<int> done) { done.resolve(20); }

Task<int> story(const Plugin* other) {
    const std::uint64_t me = eddy::current_job().id;
    const eddy::Loop* const loop = &eddy::Loop::current();
    const auto door = std::make_shared<eddy::Event>();
    auto opening = eddy::spawn(open(door));
    co_await door->wait();
    co_await opening;
    auto waiting = eddy::spawn(add(1, 2));

    // The other plugin's loop, on this thread, in the middle of one of ours.
    if (other != nullptr) {
        const int result = other->play(nullptr);
        if (result != played) {
            co_return result;
        }
    }
    if (eddy::current_job().id != me || &eddy::Loop::current() != loop) {
        co_return mixed;
    }

    int sum = co_await waiting;
    sum += co_await eddy::run_in_executor([] { return 10; });
    sum += co_await eddy::from_callback<int>(&answer);
    const auto both = co_await eddy::gather(add(3, 4), add(5, 6));
    sum += std::get<0>(both) + std::get<1>(both);
    try {
        co_await eddy::fail_after(1us, eddy::sleep_for(1h));
        co_return mixed;
    } catch (const eddy::TimedOut&) {
        sum += 1;
    }
    co_return sum == 52 ? played : mixed;
}

}  // namespace

extern "C" PLUGIN_EXPORT int PLUGIN(const Plugin* other) {
    try {
        if (eddy::Loop::current_or_null() != nullptr) {
            return not_alone;
        }
        return eddy::run(story(other));
    } catch (const std::exception&) {
        return failed;
    }
}
