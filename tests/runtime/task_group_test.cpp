// SPDX-License-Identifier: MIT
#include <eddy/task_group.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/loop.hpp>
#include <eddy/sleep.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>

#include "test_kit.hpp"

using namespace std::chrono_literals;
using eddy::ExceptionGroup;
using eddy::Task;
using eddy::TaskGroup;
using eddy::with_task_group;
using eddy::testing::as;
using eddy::testing::error_of;
using eddy::testing::Gate;
using eddy::testing::holds;
using eddy::testing::let_run;
using eddy::testing::settle;
using eddy::testing::test_clock;

namespace {

Task<> sleeps(eddy::Duration time) { co_await eddy::sleep_for(time); }
Task<> sets(bool& flag) {
    flag = true;
    co_return;
}
Task<> fails_after(eddy::Duration time, std::string text) {
    co_await eddy::sleep_for(time);
    throw std::runtime_error(text);
}
Task<> fails_in_cleanup(std::string text) {
    try {
        co_await eddy::sleep_forever();
    } catch (const eddy::Cancelled&) {
        throw std::runtime_error(text);
    }
}

std::vector<std::string> texts(const std::exception_ptr& error) {
    std::vector<std::string> found;
    as<ExceptionGroup>(error).for_each<std::runtime_error>(
        [&found](const std::runtime_error& failure) { found.emplace_back(failure.what()); });
    return found;
}

}  // namespace

EDDY_TEST_CASE("leaving a group waits for all of its jobs") {
    const auto start = eddy::now();
    int ended = 0;
    co_await with_task_group([&ended](TaskGroup& group) -> Task<> {
        for (int i = 1; i <= 3; ++i) {
            group.spawn(
                [&ended](int seconds) -> Task<> {
                    co_await eddy::sleep_for(std::chrono::seconds(seconds));
                    ++ended;
                },
                i);
        }
        CHECK(group.size() == 3);
        co_return;
    });
    CHECK(ended == 3);
    CHECK(eddy::now() - start == 3s);
}

EDDY_TEST_CASE("an empty group is left at once") {
    co_await with_task_group([](TaskGroup&) -> Task<> { co_return; });
}

EDDY_TEST_CASE("a group returns what its body returned, after the jobs have ended") {
    bool ran = false;
    const std::string text =
        co_await with_task_group([&ran](TaskGroup& group) -> Task<std::string> {
            group.spawn(sets(ran));
            co_return "value";
        });
    CHECK(text == "value");
    CHECK(ran);
    std::string place;
    std::string& same =
        co_await with_task_group([&place](TaskGroup&) -> Task<std::string&> { co_return place; });
    CHECK(&same == &place);
    auto owned = co_await with_task_group(
        [](TaskGroup&, std::unique_ptr<int> given) -> Task<std::unique_ptr<int>> {
            co_return given;
        },
        std::make_unique<int>(3));
    CHECK(*owned == 3);
}

EDDY_TEST_CASE("spawn never runs the job inside the call") {
    bool ran = false;
    co_await with_task_group([&ran](TaskGroup& group) -> Task<> {
        group.spawn(sets(ran));
        CHECK_FALSE(ran);
        co_return;
    });
    CHECK(ran);
}

EDDY_TEST_CASE("a failing child cancels the others and the body, and comes out in a group") {
    bool sibling = false;
    bool body = false;
    const auto error = co_await error_of(with_task_group([&](TaskGroup& group) -> Task<> {
        group.spawn(eddy::testing::note_cancelled(sleeps(1h), sibling));
        group.spawn(fails_after(1s, "broken"));
        co_await eddy::testing::note_cancelled(sleeps(1h), body);
    }));
    CHECK(sibling);
    CHECK(body);
    CHECK(texts(error) == std::vector<std::string>{"broken"});
}

EDDY_TEST_CASE("the others learn that a failure of the group cancelled them") {
    eddy::CancelSource source = eddy::CancelSource::explicit_call;
    const auto error = co_await error_of(with_task_group([&source](TaskGroup& group) -> Task<> {
        group.spawn(fails_after(1s, "broken"));
        try {
            co_await eddy::sleep_forever();
        } catch (const eddy::Cancelled& cancelled) {
            source = cancelled.source();
            throw;
        }
    }));
    CHECK(source == eddy::CancelSource::group);
    CHECK(texts(error).size() == 1);
}

EDDY_TEST_CASE("children that fail in the same turn all come out, in order of occurrence") {
    std::vector<std::string> order;
    Gate gate;
    const auto error = co_await error_of(with_task_group([&](TaskGroup& group) -> Task<> {
        for (const char* name : {"a", "b", "c"}) {
            group.spawn(
                [&order, &gate](std::string text) -> Task<> {
                    co_await gate.wait();
                    order.push_back(text);
                    throw std::runtime_error(text);
                },
                std::string(name));
        }
        co_await settle();
        gate.open();
    }));
    CHECK(order.size() == 3);
    CHECK(texts(error) == order);
}

EDDY_TEST_CASE("a body that fails is a failure among the others, in its place") {
    const auto first = co_await error_of(with_task_group([](TaskGroup& group) -> Task<> {
        group.spawn(fails_in_cleanup("child"));
        co_await settle();
        throw std::runtime_error("body");
    }));
    CHECK(texts(first) == std::vector<std::string>{"body", "child"});
    const auto last = co_await error_of(with_task_group([](TaskGroup& group) -> Task<> {
        group.spawn(fails_after(1s, "child"));
        co_await fails_in_cleanup("body");
    }));
    CHECK(texts(last) == std::vector<std::string>{"child", "body"});
    const auto middle = co_await error_of(with_task_group([](TaskGroup& group) -> Task<> {
        group.spawn(fails_after(1s, "first"));
        group.spawn([]() -> Task<> {
            co_await eddy::shield(sleeps(5s));
            throw std::runtime_error("third");
        });
        co_await fails_in_cleanup("second");
    }));
    CHECK(texts(middle) == std::vector<std::string>{"first", "second", "third"});
}

EDDY_TEST_CASE("a body that fails alone comes out in a group too") {
    const auto error = co_await error_of(with_task_group([](TaskGroup&) -> Task<int> {
        throw std::invalid_argument("no");
        co_return 1;
    }));
    REQUIRE(holds<ExceptionGroup>(error));
    CHECK(as<ExceptionGroup>(error).count<std::invalid_argument>() == 1);
}

EDDY_TEST_CASE("failures of a group in a group stay nested") {
    const auto error = co_await error_of(with_task_group([](TaskGroup&) -> Task<> {
        co_await with_task_group([](TaskGroup& inner) -> Task<> {
            inner.spawn(fails_after(1s, "deep"));
            co_return;
        });
    }));
    const auto outer = as<ExceptionGroup>(error);
    REQUIRE(outer.exceptions().size() == 1);
    CHECK(holds<ExceptionGroup>(outer.exceptions()[0]));
    CHECK(outer.count<std::runtime_error>() == 1);
}

EDDY_TEST_CASE("a child may spawn while the group's exit is waiting") {
    bool ran = false;
    co_await with_task_group([&ran](TaskGroup& group) -> Task<> {
        group.spawn(
            [&ran](TaskGroup& same) -> Task<> {
                co_await settle();  // the body has long returned
                same.spawn(
                    [&ran](TaskGroup& again) -> Task<> {
                        co_await eddy::sleep_for(1s);
                        again.spawn(sets(ran));
                    },
                    std::ref(same));
            },
            std::ref(group));
        co_return;
    });
    CHECK(ran);
}

EDDY_TEST_CASE("a plain function that spawns and then throws is a body that failed") {
    bool cancelled = false;
    const auto error = co_await error_of(with_task_group([&cancelled](TaskGroup& group) -> Task<> {
        group.spawn(eddy::testing::note_cancelled(sleeps(1h), cancelled));
        if (group.size() == 1) {
            throw std::runtime_error("before there was a coroutine");
        }
        return sleeps(1s);
    }));
    CHECK(texts(error).size() == 1);
}

namespace {

/// Spawns whenever it is moved: also when the group hands it out, after it was left.
struct SpawnsOnMove {
    explicit SpawnsOnMove(TaskGroup& g, bool& r, int& n) : group(&g), ran(&r), refused(&n) {}
    SpawnsOnMove(SpawnsOnMove&& other)
        : group(other.group), ran(other.ran), refused(other.refused) {
        if (group != nullptr && armed) {
            try {
                group->spawn(sets(*ran));
            } catch (const eddy::InvalidState&) {
                ++*refused;
                group = nullptr;
            }
        }
    }
    SpawnsOnMove& operator=(SpawnsOnMove&&) = delete;
    TaskGroup* group;
    bool* ran;
    int* refused;
    static inline bool armed = false;
};

}  // namespace

EDDY_TEST_CASE("spawn into a group that has been left is InvalidState, and the task never runs") {
    bool ran = false;
    int refused = 0;
    SpawnsOnMove::armed = false;
    [[maybe_unused]] const SpawnsOnMove result =
        co_await with_task_group([&](TaskGroup& group) -> Task<SpawnsOnMove> {
            group.spawn([]() -> Task<> {
                co_await eddy::sleep_for(1s);
                SpawnsOnMove::armed = true;  // the body's result waits by now
            });
            co_return SpawnsOnMove(group, ran, refused);
        });
    SpawnsOnMove::armed = false;
    CHECK(refused == 1);
    CHECK_FALSE(ran);
}

EDDY_TEST_CASE("callables and arguments live as long as their job") {
    auto text = std::make_shared<std::string>("alive");
    const std::weak_ptr<std::string> watch = text;
    std::string seen;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        auto body = [kept = std::move(text), &seen](std::string suffix) -> Task<> {
            co_await eddy::sleep_for(1s);
            seen = *kept + suffix;
        };
        group.spawn(eddy::own(body), std::string("!"));
        co_return;
    });
    CHECK(seen == "alive!");
    CHECK(watch.expired());
}

EDDY_TEST_CASE("a failed child's handle has its error too, and it is reported once") {
    std::exception_ptr seen;
    const auto error = co_await error_of(with_task_group([&seen](TaskGroup& group) -> Task<> {
        auto handle = group.spawn(fails_after(1s, "broken"));
        co_await eddy::shield([&]() -> Task<> { co_await handle.wait(); });
        CHECK(handle.state() == eddy::JobState::failed);
        auto collect = [&handle]() -> Task<> { co_await handle; };
        seen = co_await error_of(eddy::shield(collect));
    }));
    CHECK(holds<std::runtime_error>(seen));
    CHECK(texts(error).size() == 1);
}

EDDY_TEST_CASE("a group of ten thousand jobs") {
    std::size_t ended = 0;
    co_await with_task_group([&ended](TaskGroup& group) -> Task<> {
        for (int i = 0; i < 10'000; ++i) {
            group.spawn(
                [](std::size_t& count) -> Task<> {
                    co_await eddy::yield();
                    ++count;
                },
                std::ref(ended));
        }
        co_return;
    });
    CHECK(ended == 10'000);
}

TEST_CASE("cancelled at any checkpoint, a group of groups comes out clean") {
    int alive = 0;
    struct Alive {
        explicit Alive(int& c) : count(c) { ++count; }
        Alive(const Alive&) = delete;
        Alive& operator=(const Alive&) = delete;
        ~Alive() { --count; }
        int& count;
    };
    const auto count = eddy::testing::cancel_at_each_checkpoint(
        [&alive]() -> Task<> {
            Gate gate;
            co_await with_task_group([&](TaskGroup& outer) -> Task<> {
                outer.spawn(
                    [&alive](Gate& door) -> Task<> {
                        const Alive here(alive);
                        co_await door.wait();
                    },
                    std::ref(gate));
                co_await with_task_group([&](TaskGroup& inner) -> Task<> {
                    inner.spawn([&alive]() -> Task<> {
                        const Alive here(alive);
                        co_await eddy::sleep_for(1s);
                        co_await eddy::yield();
                    });
                    co_await eddy::sleep_for(2s);
                });
                gate.open();
            });
        },
        [&alive] { CHECK(alive == 0); });
    CHECK(count == 4);
}

EDDY_TEST_CASE(
    "a generic callable is spawned with an argument, and one that wants options gets them") {
    int sum = 0;
    const auto adds = [&sum](int number) -> eddy::Task<> {
        sum += number;
        co_return;
    };
    const auto generic = [&adds](auto number) { return adds(number); };
    const auto wants_options = [&sum](const eddy::SpawnOptions& options) -> eddy::Task<> {
        sum += static_cast<int>(options.name.size());
        co_return;
    };
    const eddy::SpawnOptions options{.name = "four"};
    const auto body = [&](eddy::TaskGroup& group) -> eddy::Task<> {
        group.spawn(generic, 5);
        group.spawn(wants_options, options);
        co_return;
    };
    co_await eddy::with_task_group(body);
    CHECK(sum == 9);
}
