// SPDX-License-Identifier: MIT
#include <eddy/started.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/loop.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/cancel_at.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/settle.hpp>
#include <eddy/with_scope.hpp>

#include "test_kit.hpp"

using namespace std::chrono_literals;
using eddy::CancelScope;
using eddy::ExceptionGroup;
using eddy::Started;
using eddy::Task;
using eddy::TaskGroup;
using eddy::with_scope;
using eddy::with_task_group;
using eddy::testing::as;
using eddy::testing::error_of;
using eddy::testing::Gate;
using eddy::testing::holds;
using eddy::testing::let_run;
using eddy::testing::note_cancelled;
using eddy::testing::settle;

namespace {

Task<> sleeps(eddy::Duration time) { co_await eddy::sleep_for(time); }

/// Gets ready for `setup`, then serves for `time`.
Task<> serves(Started<int> started, eddy::Duration setup, eddy::Duration time, bool& ended) {
    co_await eddy::sleep_for(setup);
    started(8080);
    co_await eddy::sleep_for(time);
    ended = true;
}
Task<> never_starts(Started<int>) { co_return; }
Task<> fails_first(Started<int>) {
    co_await eddy::sleep_for(1s);
    throw std::runtime_error("address in use");
}
Task<> waits_to_start(Started<int> started, bool& cancelled, bool& went_on) {
    co_await note_cancelled(sleeps(1h), cancelled);
    started(1);
    went_on = true;
}

}  // namespace

EDDY_TEST_CASE("start returns what the child reports, and the child goes on in the group") {
    const auto begin = eddy::now();
    bool ended = false;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        const int port = co_await group.start<int>(serves, 1s, 5s, std::ref(ended));
        CHECK(port == 8080);
        CHECK(eddy::now() - begin == 1s);
        CHECK(group.size() == 1);
        CHECK_FALSE(ended);
    });
    CHECK(ended);
    CHECK(eddy::now() - begin == 6s);
}

EDDY_TEST_CASE("start without a value just waits for the report") {
    bool reported = false;
    co_await with_task_group([&reported](TaskGroup& group) -> Task<> {
        co_await group.start([&reported](Started<> started) -> Task<> {
            co_await eddy::sleep_for(1s);
            reported = true;
            started();
            co_await eddy::sleep_for(1s);
        });
        CHECK(reported);
    });
}

EDDY_TEST_CASE("start hands over move-only values and references") {
    std::string place;
    co_await with_task_group([&place](TaskGroup& group) -> Task<> {
        const auto owned = co_await group.start<std::unique_ptr<int>>(
            [](Started<std::unique_ptr<int>> started) -> Task<> {
                started(std::make_unique<int>(3));
                co_return;
            });
        CHECK(*owned == 3);
        std::string& same =
            co_await group.start<std::string&>([&place](Started<std::string&> started) -> Task<> {
                started(place);
                co_return;
            });
        CHECK(&same == &place);
    });
}

EDDY_TEST_CASE("a child that fails before it has started fails start alone, raw") {
    bool other = false;
    co_await with_task_group([&other](TaskGroup& group) -> Task<> {
        group.spawn([&other]() -> Task<> {
            co_await eddy::sleep_for(5s);
            other = true;
        });
        const auto error = co_await error_of(group.start<int>(fails_first));
        CHECK(holds<std::runtime_error>(error));
        CHECK_FALSE(holds<ExceptionGroup>(error));
        CHECK_FALSE(group.cancel_called());
        CHECK(group.size() == 1);
    });
    CHECK(other);
}

EDDY_TEST_CASE("a child that returns without having started is InvalidState") {
    co_await with_task_group([](TaskGroup& group) -> Task<> {
        const auto error = co_await error_of(group.start<int>(never_starts));
        CHECK(holds<eddy::InvalidState>(error));
        CHECK_FALSE(group.cancel_called());
    });
}

EDDY_TEST_CASE_FIFO("start in a group whose last job has ended is InvalidState") {
    bool refused = false;
    bool ran = false;
    eddy::JoinHandle<void> late;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        group.spawn([]() -> Task<> { co_await eddy::sleep_for(1ms); });
        late = eddy::spawn([&]() -> Task<> {
            co_await eddy::sleep_for(1ms);
            CHECK(group.size() == 0);  // the host has not gone on yet, but is about to
            auto start = group.start([&ran](Started<>) -> Task<> {
                ran = true;
                co_return;
            });
            try {
                co_await std::move(start);
            } catch (const eddy::InvalidState&) {
                refused = true;
            }
        });
        co_return;
    });
    co_await late.wait();
    CHECK(refused);
    CHECK_FALSE(ran);
}

EDDY_TEST_CASE("started twice is InvalidState for the child, before and after start has returned") {
    std::exception_ptr at_once;
    std::exception_ptr later;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        const int value = co_await group.start<int>([&](Started<int> started) -> Task<> {
            started(1);
            try {
                started(2);
            } catch (...) {
                at_once = std::current_exception();
            }
            co_await settle();
            try {
                started(3);
            } catch (...) {
                later = std::current_exception();
            }
        });
        CHECK(value == 1);
    });
    CHECK(holds<eddy::InvalidState>(at_once));
    CHECK(holds<eddy::InvalidState>(later));
}

EDDY_TEST_CASE("a caller cancelled before started takes the child along; the group is untouched") {
    bool cancelled = false;
    bool went_on = false;
    bool caller_cancelled = false;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        CancelScope scope;
        auto caller = eddy::spawn(with_scope(scope, [&]() -> Task<> {
            const int value = co_await note_cancelled(
                group.start<int>(waits_to_start, std::ref(cancelled), std::ref(went_on)),
                caller_cancelled);
            CHECK(value == 0);
        }));
        co_await settle();
        scope.cancel();
        const bool done = co_await caller;
        CHECK_FALSE(done);
        CHECK(cancelled);  // and awaited
        CHECK(group.size() == 0);
        CHECK_FALSE(group.cancel_called());
    });
    CHECK(caller_cancelled);
    CHECK_FALSE(went_on);
}

EDDY_TEST_CASE("a cancelled caller waits for a child that is slow to clean up") {
    const auto begin = eddy::now();
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        const auto port =
            co_await eddy::move_on_after(1s, group.start<int>([](Started<int> started) -> Task<> {
                co_await eddy::shield(sleeps(5s));
                co_await eddy::checkpoint();
                started(1);
            }));
        CHECK_FALSE(port.has_value());
    });
    CHECK(eddy::now() - begin == 5s);
}

EDDY_TEST_CASE("started after the caller was cancelled moves nothing") {
    bool child_cancelled = false;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        const bool done = co_await eddy::move_on_after(1s, [&]() -> Task<> {
            const int value = co_await group.start<int>([&](Started<int> started) -> Task<> {
                co_await eddy::shield(sleeps(2s));
                started(1);  // too late
                co_await note_cancelled(sleeps(1h), child_cancelled);
            });
            CHECK(value == 1);
        });
        CHECK_FALSE(done);
        CHECK(group.size() == 0);
        CHECK_FALSE(group.cancel_called());
    });
    CHECK(child_cancelled);
}

EDDY_TEST_CASE(
    "a child that swallows the caller's cancellation and returns: the caller is cancelled") {
    co_await with_task_group([](TaskGroup& group) -> Task<> {
        const auto value =
            co_await eddy::move_on_after(1s, group.start<int>([](Started<int>) -> Task<> {
                try {
                    co_await eddy::sleep_forever();
                } catch (const eddy::Cancelled&) {
                }
            }));
        CHECK_FALSE(value.has_value());
    });
}

EDDY_TEST_CASE("a child's failure outranks the caller's cancellation, raw") {
    co_await with_task_group([](TaskGroup& group) -> Task<> {
        const auto error =
            co_await error_of(eddy::move_on_after(1s, group.start<int>([](Started<int>) -> Task<> {
                try {
                    co_await eddy::sleep_forever();
                } catch (const eddy::Cancelled&) {
                    throw std::runtime_error("cleanup failed");
                }
            })));
        CHECK(holds<std::runtime_error>(error));
        CHECK_FALSE(group.cancel_called());
    });
}

EDDY_TEST_CASE("start in a cancelled scope runs the child to its first checkpoint, and throws") {
    bool began = false;
    co_await with_task_group([&began](TaskGroup& group) -> Task<> {
        const auto value = co_await eddy::move_on_at(
            eddy::now(), group.start<int>([&began](Started<int> started) -> Task<> {
                began = true;
                co_await eddy::checkpoint();
                started(1);
            }));
        CHECK_FALSE(value.has_value());
    });
    CHECK(began);
}

EDDY_TEST_CASE("a group cancelled before the child has started gets it cancelled") {
    bool child_cancelled = false;
    int port = 0;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        auto caller = eddy::spawn([&]() -> Task<> {
            port = co_await group.start<int>([&](Started<int> started) -> Task<> {
                co_await eddy::sleep_for(1s);
                started(7);
                co_await note_cancelled(sleeps(1h), child_cancelled);
            });
        });
        co_await settle();
        group.cancel();
        co_await eddy::shield([&caller]() -> Task<> { co_await caller; });
    });
    CHECK(port == 7);
    CHECK(child_cancelled);
}

EDDY_TEST_CASE("a child moved into a cancelled group is aborted at once even if it sleeps") {
    const auto begin = eddy::now();
    bool child_cancelled = false;
    int value = 0;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        auto caller = eddy::spawn([&]() -> Task<> {
            value = co_await group.start<int>([&](Started<int> started) -> Task<> {
                auto reporter = eddy::spawn(
                    [](Started<int> report) -> Task<> {
                        co_await eddy::sleep_for(1s);
                        report(7);  // for a child that sleeps
                    },
                    started);
                co_await note_cancelled(sleeps(1h), child_cancelled);
            });
        });
        co_await settle();
        group.cancel();
        co_await eddy::shield([&caller]() -> Task<> { co_await caller; });
    });
    CHECK(value == 7);
    CHECK(child_cancelled);
    CHECK(eddy::now() - begin == 1s);
}

EDDY_TEST_CASE("a child that starts while caller and group are cancelled moves into the group") {
    const auto begin = eddy::now();
    bool body_ended = false;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        Gate over;
        group.spawn(
            [](TaskGroup& same) -> Task<> {
                co_await eddy::sleep_for(1s);
                same.cancel("while the start is pending");
            },
            std::ref(group));
        const int port = co_await group.start<int>([&](Started<int> started) -> Task<> {
            co_await eddy::shield([&]() -> Task<> {
                co_await eddy::sleep_for(2s);
                started(8080);
                // What the body gets to only after this: it has to come back from its start.
                body_ended = co_await eddy::move_on_after(1h, over.wait());
            });
        });
        CHECK(port == 8080);
        CHECK(group.size() == 1);
        over.open();
        co_await eddy::shield(settle());
    });
    CHECK(body_ended);
    CHECK(eddy::now() - begin == 2s);
}

EDDY_TEST_CASE("a child that starts after its caller alone was cancelled stays with the caller") {
    bool child_cancelled = false;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        const auto port =
            co_await eddy::move_on_after(1s, group.start<int>([&](Started<int> started) -> Task<> {
                co_await eddy::shield(sleeps(2s));
                started(8080);
                co_await note_cancelled(sleeps(1h), child_cancelled);
            }));
        CHECK_FALSE(port.has_value());
        CHECK(group.size() == 0);
    });
    CHECK(child_cancelled);
}

EDDY_TEST_CASE("a child reported by somebody else after it has ended stays ended") {
    co_await with_task_group([](TaskGroup& group) -> Task<> {
        std::optional<Started<int>> kept;
        Gate gate;
        const auto error = co_await error_of(group.start<int>([&](Started<int> started) -> Task<> {
            kept.emplace(started);
            auto reporter = eddy::spawn(
                [](std::optional<Started<int>>& report, Gate& g) -> Task<> {
                    co_await g.wait();
                    (*report)(7);  // before or after start has returned
                },
                std::ref(kept),
                std::ref(gate));
            co_await settle();
            gate.open();
        }));
        CHECK((error == nullptr || holds<eddy::InvalidState>(error)));
        co_await settle();
        CHECK(group.size() == 0);
    });
}

EDDY_TEST_CASE("a child that moved and then fails is a failure of the group") {
    bool got_port = false;
    const auto error = co_await error_of(with_task_group([&got_port](TaskGroup& group) -> Task<> {
        const int port = co_await group.start<int>([](Started<int> started) -> Task<> {
            started(1);
            throw std::runtime_error("later");  // before the caller resumes
            co_return;
        });
        got_port = port == 1;
        co_await eddy::sleep_for(1h);
    }));
    CHECK(got_port);
    REQUIRE(holds<ExceptionGroup>(error));
    CHECK(as<ExceptionGroup>(error).contains<std::runtime_error>());
}

EDDY_TEST_CASE("a pending start keeps the group open") {
    const auto begin = eddy::now();
    bool ended = false;
    std::optional<eddy::JoinHandle<int>> caller;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        caller = eddy::spawn([&]() -> Task<int> {
            const int port = co_await group.start<int>(serves, 3s, 2s, std::ref(ended));
            co_return port;
        });
        co_await settle();  // the start is pending; the body ends, and the group is empty
        CHECK(group.size() == 0);
    });
    CHECK(ended);
    CHECK(eddy::now() - begin == 5s);
    const int port = co_await *caller;
    CHECK(port == 8080);
}

EDDY_TEST_CASE("a pending start that fails lets the group go") {
    std::optional<eddy::JoinHandle<int>> caller;
    co_await with_task_group([&](TaskGroup& group) -> Task<> {
        caller = eddy::spawn([&]() -> Task<int> {
            const int port = co_await group.start<int>(fails_first);
            co_return port;
        });
        co_await settle();
    });
    auto collect = [&caller]() -> Task<> {
        const int port = co_await *caller;
        CHECK(port == 0);
    };
    const auto error = co_await error_of(collect());
    CHECK(holds<std::runtime_error>(error));
}

TEST_CASE("cancelled at any checkpoint, start leaves no child behind") {
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
            co_await with_task_group([&alive](TaskGroup& group) -> Task<> {
                const int port =
                    co_await group.start<int>([&alive](Started<int> started) -> Task<> {
                        const Alive here(alive);
                        co_await eddy::yield();
                        started(1);
                        co_await eddy::sleep_for(1s);
                    });
                CHECK(port == 1);
                co_await eddy::yield();
            });
        },
        [&alive] { CHECK(alive == 0); });
    CHECK(count == 3);
}
