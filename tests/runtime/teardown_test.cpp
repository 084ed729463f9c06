// SPDX-License-Identifier: MIT
// The end of a loop whose jobs ignore their cancellation.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <eddy/error.hpp>
#include <eddy/join_handle.hpp>
#include <eddy/loop.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/started.hpp>
#include <eddy/task_group.hpp>
#include <eddy/testing/coroutine_test.hpp>
#include <eddy/testing/recording_observer.hpp>
#include <eddy/testing/virtual_clock.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "test_kit.hpp"

using namespace std::chrono_literals;
using eddy::Task;
using eddy::TaskGroup;
using eddy::with_task_group;
using eddy::testing::Gate;
using eddy::testing::HandOffLock;
using eddy::testing::let_run;

namespace {

/// Writes its name down when it dies.
struct Grave {
    Grave(std::vector<std::string>& l, std::string n) : list(&l), name(std::move(n)) {}
    Grave(const Grave&) = delete;
    Grave& operator=(const Grave&) = delete;
    ~Grave() { list->push_back(name); }
    std::vector<std::string>* list;
    std::string name;
};
using Graves = std::vector<std::string>;

Task<> ignores() {
    co_await eddy::shield([]() -> Task<> { co_await eddy::sleep_forever(); });
}
Task<> buried(Graves& graves, std::string name) {
    const Grave grave(graves, name);
    co_await ignores();
}
Task<> in_groups(Graves& graves, int depth) {
    const Grave grave(graves, "host " + std::to_string(depth));
    co_await with_task_group([&graves, depth](TaskGroup& group) -> Task<> {
        group.spawn(buried(graves, "child " + std::to_string(depth)), {.name = "child"});
        if (depth != 0) {
            group.spawn(in_groups(graves, depth - 1), {.name = "host"});
        }
        co_return;
    });
}

[[gnu::noinline]] std::intptr_t address_here() {
    return reinterpret_cast<std::intptr_t>(__builtin_frame_address(0));
}

/// Measures the stack in its destructor.
struct DepthProbe {
    DepthProbe(std::intptr_t b, std::intptr_t& d) : base(b), deepest(d) {}
    DepthProbe(const DepthProbe&) = delete;
    DepthProbe& operator=(const DepthProbe&) = delete;
    ~DepthProbe() { deepest = std::max(deepest, std::abs(base - address_here())); }
    std::intptr_t base;
    std::intptr_t& deepest;
};
Task<> chain(int depth, std::intptr_t base, std::intptr_t& deepest, int& last, bool& leaf_first) {
    const DepthProbe probe(base, deepest);
    struct Order {
        Order(int d, int& l, bool& o) : depth(d), last_seen(l), ok(o) {}
        Order(const Order&) = delete;
        Order& operator=(const Order&) = delete;
        ~Order() {
            ok = ok && depth == last_seen + 1;
            last_seen = depth;
        }
        int depth;
        int& last_seen;
        bool& ok;
    };
    const Order order(depth, last, leaf_first);
    if (depth == 0) {
        co_await ignores();
    } else {
        co_await chain(depth - 1, base, deepest, last, leaf_first);
    }
}

/// A loop whose jobs get a millisecond to end.
class Ending {
public:
    eddy::testing::VirtualClock clock;
    eddy::testing::RecordingObserver observer;
    Graves graves;

    void run(Task<> main, eddy::Duration grace = 1ms) {
        loop_.run(std::move(main), {.grace = grace});
        CHECK(loop_.statistics().jobs_alive == 0);
        CHECK(loop_.statistics().deadlines == 0);
        CHECK(observer.failures.empty());
    }

private:
    eddy::Loop loop_{{.clock = &clock, .observer = &observer}};
};

}  // namespace

TEST_CASE("a job that ignores its cancellation beyond the grace is reported, then destroyed") {
    Ending end;
    end.run([](Graves& graves) -> Task<> {
        eddy::spawn(buried(graves, "stubborn"), {.name = "stubborn"}).detach();
        co_await let_run();
    }(end.graves));
    CHECK(end.graves == Graves{"stubborn"});
    REQUIRE(end.observer.abandoned.size() == 1);
    CHECK(end.observer.abandoned[0].find("stubborn #2") != std::string::npos);
    CHECK(end.observer.abandoned[0].find("teardown_test.cpp:") != std::string::npos);
    CHECK(end.observer.abandoned[0].find("waits for sleep") != std::string::npos);
}

TEST_CASE("a job that ends within the grace is left alone") {
    Ending end;
    end.run(
        [](Graves& graves) -> Task<> {
            eddy::spawn([&graves]() -> Task<> {
                co_await eddy::shield([]() -> Task<> { co_await eddy::sleep_for(9s); });
                graves.push_back("in time");
            }).detach();
            co_await let_run();
        }(end.graves),
        10s);
    CHECK(end.graves == Graves{"in time"});
    CHECK(end.observer.abandoned.empty());
}

TEST_CASE("the main job itself may be the one that ignores its cancellation") {
    Ending end;
    end.run([](Graves& graves) -> Task<> {
        eddy::Loop::current().cancel("stop");
        co_await buried(graves, "main");
    }(end.graves));
    CHECK(end.graves == Graves{"main"});
    CHECK(end.observer.abandoned.size() == 1);
}

TEST_CASE("a chain of a hundred thousand frames is destroyed leaf first, in a bounded stack") {
    Ending end;
    std::intptr_t deepest = 0;
    int last = -1;
    bool leaf_first = true;
    end.run([](std::intptr_t& deep, int& l, bool& ordered) -> Task<> {
        eddy::spawn(chain(100'000, address_here(), deep, l, ordered)).detach();
        co_await let_run();
    }(deepest, last, leaf_first));
    CHECK(last == 100'000);
    CHECK(leaf_first);
    CHECK(deepest < 64 * 1024);
}

TEST_CASE("nested groups of jobs that ignore the end die children first") {
    Ending end;
    end.run([](Graves& graves) -> Task<> {
        eddy::spawn(in_groups(graves, 50), {.name = "host"}).detach();
        co_await let_run(200);
    }(end.graves));
    REQUIRE(end.graves.size() == 102);
    CHECK(end.observer.abandoned.size() == 102);
    for (int depth = 0; depth <= 50; ++depth) {
        const auto host =
            std::find(end.graves.begin(), end.graves.end(), "host " + std::to_string(depth));
        const auto child =
            std::find(end.graves.begin(), end.graves.end(), "child " + std::to_string(depth));
        CHECK(child < host);
        if (depth != 0) {
            const auto inner = std::find(
                end.graves.begin(), end.graves.end(), "host " + std::to_string(depth - 1));
            CHECK(inner < host);
        }
    }
}

TEST_CASE("a lock is handed from dying job to dying job, and is free in the end") {
    Ending end;
    HandOffLock lock;
    end.run([](HandOffLock& l) -> Task<> {
        for (int i = 0; i < 10; ++i) {
            eddy::spawn(eddy::shield(
                            [](HandOffLock& held) -> Task<> {
                                const auto guard = co_await held.acquire();
                                co_await ignores();
                            },
                            std::ref(l)))
                .detach();
        }
        co_await let_run();
        CHECK(l.waiters() == 9);
    }(lock));
    CHECK_FALSE(lock.held());
    CHECK(lock.waiters() == 0);
}

TEST_CASE("jobs that wait for each other's end die in any order") {
    Ending end;
    end.run([](Graves& graves) -> Task<> {
        static std::optional<eddy::JoinHandle<void>> target;
        target = eddy::spawn(buried(graves, "target"));
        for (int i = 0; i < 3; ++i) {
            eddy::spawn(eddy::shield([]() -> Task<> { co_await target->wait(); })).detach();
        }
        co_await let_run();
        target.reset();
    }(end.graves));
    CHECK(end.graves.size() == 1);
    CHECK(end.observer.abandoned.size() == 4);
}

TEST_CASE("a pending start dies with its child") {
    Ending end;
    end.run([](Graves& graves) -> Task<> {
        eddy::spawn(with_task_group([&graves](TaskGroup& group) -> Task<> {
            co_await group.start([&graves](eddy::Started<> started) -> Task<> {
                const Grave grave(graves, "child");
                co_await ignores();
                started();
            });
        })).detach();
        co_await let_run();
    }(end.graves));
    CHECK(end.graves == Graves{"child"});
    CHECK(end.observer.abandoned.size() == 2);
}

TEST_CASE("whoever starts a child in the group of others may die after that group") {
    Ending end;
    end.run([](Graves& graves) -> Task<> {
        // On both sides, for jobs die in the order of the tree.
        const auto target = std::make_shared<TaskGroup*>(nullptr);
        const auto start = [](std::shared_ptr<TaskGroup*> group, Graves* all) -> Task<> {
            while (*group == nullptr) {
                co_await eddy::yield();
            }
            const auto child = [](eddy::Started<> started, Graves* where) -> Task<> {
                struct Starts {  // in its death, too
                    explicit Starts(const eddy::Started<>& s) : tell(s) {}
                    ~Starts() { tell(); }
                    const eddy::Started<>& tell;
                } const starts(started);
                const Grave grave(*where, "child");
                co_await ignores();
            };
            co_await (*group)->start(child, all);
        };
        eddy::spawn(start, target, &graves).detach();
        const auto host = [](TaskGroup& group, std::shared_ptr<TaskGroup*> here) -> Task<> {
            *here = &group;
            co_await ignores();
        };
        eddy::spawn(with_task_group(host, target)).detach();
        eddy::spawn(start, target, &graves).detach();
        co_await let_run();
    }(end.graves));
    CHECK(end.graves == Graves{"child", "child"});
}

TEST_CASE("a job that never got to run is destroyed unstarted") {
    Ending end;
    const auto parameter = std::make_shared<int>(0);
    end.run(
        [](std::shared_ptr<int> ran) -> Task<> {
            for (int i = 0; i < 20'000; ++i) {
                eddy::spawn(
                    [](std::shared_ptr<int> count) -> Task<> {
                        ++*count;
                        co_return;
                    },
                    ran)
                    .detach();
            }
            co_return;
        }(parameter),
        0s);
    CHECK(*parameter < 20'000);
    CHECK(parameter.use_count() == 1);
}

TEST_CASE("a dying job cannot spawn") {
    Ending end;
    bool refused = false;
    end.run([](bool& out) -> Task<> {
        eddy::spawn([&out]() -> Task<> {
            struct SpawnsLast {
                bool* flag;
                explicit SpawnsLast(bool* f) : flag(f) {}
                SpawnsLast(const SpawnsLast&) = delete;
                SpawnsLast& operator=(const SpawnsLast&) = delete;
                ~SpawnsLast() {
                    try {
                        eddy::spawn(ignores()).detach();
                    } catch (const eddy::LoopClosed&) {
                        *flag = true;
                    }
                }
            };
            const SpawnsLast last(&out);
            co_await ignores();
        }).detach();
        co_await let_run();
    }(refused));
    CHECK(refused);
}

TEST_CASE("destructors of dying jobs may cancel, wake and look around") {
    Ending end;
    Gate gate;
    end.run([](Graves& graves, Gate& g) -> Task<> {
        for (int i = 0; i < 3; ++i) {
            eddy::spawn([&graves, &g]() -> Task<> {
                const Grave grave(graves, "waiter");
                struct Busy {
                    Gate* gate;
                    explicit Busy(Gate* opened) : gate(opened) {}
                    Busy(const Busy&) = delete;
                    Busy& operator=(const Busy&) = delete;
                    ~Busy() {
                        gate->open();
                        eddy::Loop::current().cancel("again");
                        CHECK(eddy::Loop::current().statistics().jobs_alive >= 1);
                    }
                };
                const Busy busy(&g);
                co_await eddy::shield([&g]() -> Task<> { co_await g.wait(); });
                graves.push_back("must not resume");
            }).detach();
        }
        co_await let_run();
    }(end.graves, gate));
    CHECK(end.graves == Graves{"waiter", "waiter", "waiter"});
}
