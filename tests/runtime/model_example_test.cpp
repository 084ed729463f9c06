// SPDX-License-Identifier: MIT
#include <chrono>
#include <vector>

#include <doctest/doctest.h>

#include <eddy/exception_group.hpp>
#include <eddy/sleep.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/with_scope.hpp>

// The example of runtime/README.md, "Five nouns".

namespace {

using namespace std::chrono_literals;
using eddy::move_on_after;
using eddy::Task;
using eddy::TaskGroup;
using eddy::with_task_group;

struct Work {
    eddy::Duration each;  // how long one item takes
    int items = 3;
    int done = 0;
};

Task<> produce(Work& queue) {
    while (queue.done < queue.items) {
        co_await eddy::sleep_for(1s);
    }
}

Task<> consume(Work& queue) {
    while (queue.done < queue.items) {
        co_await eddy::sleep_for(queue.each);
        ++queue.done;
    }
}

Task<> produce_and_consume(Work& queue) {
    co_await with_task_group([&](TaskGroup& group) -> Task<> {            // a scope
        group.spawn(produce(queue), {.name = "producer"});                // a job
        const bool drained = co_await move_on_after(5s, consume(queue));  // a scope in this job
        if (!drained) {
            group.cancel("too slow");
        }
    });  // both have ended here
}

EDDY_TEST_CASE("the group of the model waits for both of its jobs") {
    Work quick{.each = 1s};
    co_await produce_and_consume(quick);
    CHECK(quick.done == 3);
}

EDDY_TEST_CASE("the group of the model is cancelled when its timeout is over") {
    const eddy::TimePoint begin = eddy::now();
    Work slow{.each = 2s};
    co_await produce_and_consume(slow);
    CHECK(slow.done == 2);
    CHECK(eddy::now() - begin == 5s);
}

}  // namespace
