// SPDX-License-Identifier: MIT
// Jobs, scopes and what runs several of them.
#include <exception>
#include <functional>
#include <tuple>
#include <variant>

#include <eddy/detach_on_cancel.hpp>
#include <eddy/gather.hpp>
#include <eddy/join_set.hpp>
#include <eddy/loop.hpp>
#include <eddy/race.hpp>
#include <eddy/sleep.hpp>
#include <eddy/spawn.hpp>
#include <eddy/with_cleanup.hpp>
#include <eddy/with_scope.hpp>
#include <eddy/yield.hpp>

#include "ops.hpp"

namespace eddy::fuzz {

namespace {

bool cancelled_here() { return current_effective_deadline() == TimePoint::min(); }

/// A scope of the program, for others to cancel while it is entered.
class Listed final {
public:
    Listed(World& world, CancelScope& scope) : world_(world), place_(world.scopes.size()) {
        world.scopes.push_back(&scope);
    }
    Listed(const Listed&) = delete;
    Listed& operator=(const Listed&) = delete;
    ~Listed() { world_.scopes[place_] = nullptr; }

private:
    World& world_;
    std::size_t place_;
};

JobRecord* pick_job(World& world, std::uint8_t which) {
    if (world.jobs.empty()) {
        return nullptr;
    }
    JobRecord& job = world.jobs[which % world.jobs.size()];
    return job.handle.valid() ? &job : nullptr;
}

/// The body of a job; it begins and ends once, and so does what counts it.
Task<int> job_body(World& world, Operations block, std::size_t number, int* live) {
    struct Ended {
        explicit Ended(JobRecord& j, int* l) : job(j), live_in(l) {
            FUZZ_REQUIRE(job.begun++ == 0);
        }
        ~Ended() {
            FUZZ_REQUIRE(job.ended++ == 0);
            if (live_in != nullptr) {
                --*live_in;
            }
        }
        JobRecord& job;
        int* live_in;
    } ended(world.jobs[number], live);
    if (live != nullptr) {
        ++*live;
    }
    if (world.ledger.torn && number % 2 == 1) {
        co_await shield(run_block(world, block));  // lives until it is destroyed
    } else {
        co_await run_block(world, block);
    }
    co_return static_cast<int>(number);
}

Task<int> new_job(World& world, Operations block, int* live = nullptr) {
    world.jobs.emplace_back();
    return job_body(world, block, world.jobs.size() - 1, live);
}

Task<> nap(World& world, const Node& node, bool until) {
    const Entry entry(world);
    Duration delay = duration_of(node.a);
    const TimePoint due = later(entry.began(), std::max(delay, Duration::zero()));
    if (planted("early_sleep") && delay > std::chrono::milliseconds(1) && delay < Duration::max()) {
        delay -= Duration(1);
    }
    try {
        if (until) {
            co_await sleep_until(later(entry.began(), delay));
        } else {
            co_await sleep_for(delay);
        }
    } catch (const Cancelled&) {
        entry.in_time();
        FUZZ_REQUIRE(world.now() <= due);
        throw;
    }
    entry.passed();
    FUZZ_REQUIRE(world.now() == due);
}

Task<> spawn_one(World& world, const Node& node) {
    Task<int> body = new_job(world, node.body);
    JobRecord& job = world.jobs.back();
    job.may_not_begin = true;  // until it is known that the loop takes it
    job.handle = spawn(std::move(body));
    job.may_not_begin = false;
    if (world.main_ended) {
        job.handle.detach();
    }
    co_return;
}

/// A scope has ended: absorbed says what `with_scope` said.
void left(const CancelScope& scope, bool absorbed) {
    FUZZ_REQUIRE(scope.cancelled_caught() == absorbed);
    FUZZ_REQUIRE(!absorbed || scope.cancel_called());
    // Otherwise one around it should have, if it is in sight.
    FUZZ_REQUIRE(!absorbed || scope.shielded() || !cancelled_here());
    FUZZ_REQUIRE(!scope.entered());
}

Task<> scope(World& world, const Node& node) {
    ScopeOptions options;
    if ((node.b & 1U) != 0) {
        options.timeout = duration_of(node.a);
    }
    options.shield = (node.b & 2U) != 0 && !world.over;
    CancelScope scope(options);
    const Listed listed(world, scope);
    const bool done = co_await with_scope(scope, run_block(world, node.body));
    left(scope, !done);
}

Task<> move_on(World& world, const Node& node) {
    const TimePoint began = world.now();
    const Duration timeout = duration_of(node.a);
    const bool done = co_await move_on_after(timeout, run_block(world, node.body));
    FUZZ_REQUIRE(done || !cancelled_here());
    FUZZ_REQUIRE(done || world.now() >= later(began, timeout));
}

Task<> fail(World& world, const Node& node) {
    const TimePoint began = world.now();
    const Duration timeout = duration_of(node.a);
    try {
        co_await fail_after(timeout, run_block(world, node.body));
    } catch (const TimedOut&) {
        FUZZ_REQUIRE(world.now() >= later(began, timeout));
        FUZZ_REQUIRE(!cancelled_here());
        throw;
    }
}

/// What runs behind a shield: ends by itself, and no cancellation from outside reaches it.
Task<> behind_shield(World& world, Operations block) {
    try {
        const bool done =
            co_await move_on_after(std::chrono::milliseconds(5), run_block(world, block));
        static_cast<void>(done);
    } catch (const Cancelled&) {
        broken("a cancellation from outside came through a shield", __FILE__, __LINE__);
    }
}

Task<> shielded(World& world, const Node& node) {
    if (planted("pierced_shield")) {
        co_await behind_shield(world, node.body);
    } else {
        co_await shield(behind_shield(world, node.body));
    }
}

Task<> cleaned(World& world, const Node& node) {
    int cleanups = 0;
    const auto cleanup = [](World& w, Operations block, int& count) -> Task<> {
        ++count;
        co_await behind_shield(w, block);
    };
    std::exception_ptr error;
    try {
        co_await with_cleanup(run_block(world, node.body), cleanup(world, node.second, cleanups));
    } catch (...) {
        error = std::current_exception();
    }
    FUZZ_REQUIRE(cleanups == 1);
    if (error) {
        std::rethrow_exception(error);
    }
}

World::GroupRecord* pick_group(World& world, std::uint8_t which) {
    if (world.groups.empty()) {
        return nullptr;
    }
    World::GroupRecord& record = world.groups[which % world.groups.size()];
    return record.group != nullptr ? &record : nullptr;
}

/// In the group: each operation inside is a child, if the node asks for that.
Task<> group_body(TaskGroup& group, World* world, const Node* node, World::GroupRecord* record) {
    record->group = &group;
    if ((node->b & 1U) != 0) {
        for (const Node& inner : node->body) {
            Task<int> child = new_job(*world, Operations(&inner, 1), &record->live);
            world->jobs.back().handle = group.spawn(std::move(child));
            world->jobs.back().joined = true;  // its failure is the group's
        }
        co_return;
    }
    co_await run_block(*world, node->body);
}

Task<> group(World& world, const Node& node) {
    world.groups.emplace_back();
    World::GroupRecord& record = world.groups.back();
    const struct Left {
        explicit Left(World::GroupRecord& r) : record(r) {}
        ~Left() { record.group = nullptr; }
        World::GroupRecord& record;
    } left(record);
    std::exception_ptr error;
    try {
        co_await with_task_group(&group_body, &world, &node, &record);
    } catch (const Cancelled&) {
        FUZZ_REQUIRE(world.shields_changed || cancelled_here());
        error = std::current_exception();
    } catch (const ExceptionGroup& failures) {
        error = std::current_exception();
        if (planted("lost_failure") && failures.exceptions().size() > 1) {
            error = failures.exceptions().front();
        }
    }
    FUZZ_REQUIRE(record.live == 0);
    if (error) {
        std::rethrow_exception(error);
    }
}

Task<> spawn_in_group(World& world, const Node& node) {
    World::GroupRecord* const record = pick_group(world, node.a);
    if (record == nullptr) {
        co_return;
    }
    Task<int> body = new_job(world, node.body, &record->live);
    JobRecord& job = world.jobs.back();
    job.joined = true;  // its failure is the group's
    job.may_not_begin = true;
    job.handle = record->group->spawn(std::move(body));
    job.may_not_begin = false;
}

Task<> start_in_group(World& world, const Node& node) {
    World::GroupRecord* const record = pick_group(world, node.a);
    if (record == nullptr) {
        co_return;
    }
    Task<int> body = new_job(world, node.body, &record->live);
    world.jobs.back().may_not_begin = true;
    const auto child =
        [](Started<int> started, World* w, std::uint8_t how, Task<int> rest) -> Task<> {
        if ((how & 1U) != 0) {
            co_await sleep_for(std::chrono::milliseconds(how & 7U));
        }
        if ((how & 2U) == 0) {
            started(7);
        }
        static_cast<void>(w);
        const int number = co_await std::move(rest);
        static_cast<void>(number);
    };
    const int value = co_await record->group->start<int>(child, &world, node.b, std::move(body));
    FUZZ_REQUIRE(value == 7);
}

Task<> join_set(World& world, const Node& node) {
    JoinSet<int> set;
    std::size_t left = 0;
    for (const Node& inner : node.body) {
        Task<int> body = new_job(world, Operations(&inner, 1));
        world.jobs.back().may_not_begin = true;
        set.spawn(std::move(body)).detach();
        world.jobs.back().may_not_begin = false;
        ++left;
    }
    if ((node.b & 1U) != 0) {
        set.cancel_all();
    }
    for (;;) {
        std::optional<Outcome<int>> outcome = co_await set.join_next();
        if (!outcome) {
            break;
        }
        --left;
        if (outcome->error()) {
            world.failures.caught(outcome->error());
        }
    }
    FUZZ_REQUIRE(left == 0);
}

Task<> racing(World& world, const Node& node) {
    if (node.body.empty()) {
        co_return;
    }
    const std::size_t first = world.jobs.size();
    const int winner = co_await race(bodies(world, node.body));
    FUZZ_REQUIRE(static_cast<std::size_t>(winner) >= first);
    for (std::size_t i = first; i < first + node.body.size(); ++i) {
        FUZZ_REQUIRE(world.jobs[i].ended == 1);
    }
}

Task<> gathering(World& world, const Node& node) {
    const std::size_t first = world.jobs.size();
    const std::vector<int> all = co_await gather(bodies(world, node.body));
    FUZZ_REQUIRE(all.size() == node.body.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
        FUZZ_REQUIRE(static_cast<std::size_t>(all[i]) == first + i);
    }
}

Task<> settling(World& world, const Node& node) {
    const std::vector<Outcome<int>> all = co_await gather_settled(bodies(world, node.body));
    FUZZ_REQUIRE(all.size() == node.body.size());
    for (const Outcome<int>& outcome : all) {
        if (outcome.error()) {
            world.failures.caught(outcome.error());
        }
    }
}

Task<> detached(World& world, const Node& node) {
    Task<int> body = new_job(world, node.body);
    world.jobs.back().may_not_begin = true;
    const int number = co_await detach_on_cancel(std::move(body));
    FUZZ_REQUIRE(world.jobs[static_cast<std::size_t>(number)].ended == 1);
}

Task<> catching(World& world, const Node& node) {
    try {
        co_await run_block(world, node.body);
    } catch (const Tagged&) {
        world.failures.caught(std::current_exception());
    } catch (const ExceptionGroup&) {
        world.failures.caught(std::current_exception());
    }
}

Task<> repeating(World& world, const Node& node) {
    for (int i = node.a % 4; i >= 0; --i) {
        co_await run_block(world, node.body);
    }
}

Task<> wait_job(World& world, const Node& node) {
    JobRecord* const job = pick_job(world, node.a);
    if (job == nullptr) {
        co_return;
    }
    const Entry entry(world);
    co_await job->handle.wait();
    entry.passed();
    FUZZ_REQUIRE(job->handle.done() && job->ended == job->begun);
}

Task<> join_job(World& world, const Node& node) {
    JobRecord* const job = pick_job(world, node.a);
    if (job == nullptr || job->joined) {
        co_return;
    }
    job->joined = true;
    const int number = co_await job->handle;
    FUZZ_REQUIRE(&world.jobs[static_cast<std::size_t>(number)] == job && job->ended == 1);
}

/// What needs no wait.
void act(World& world, const Node& node) {
    switch (node.op) {
        case Op::fail:
            world.failures.raise(world.failures.make());
        case Op::cancel_job:
            if (JobRecord* const job = pick_job(world, node.a)) {
                job->handle.cancel("by the program");
            }
            break;
        case Op::cancel_scope:
            if (CancelScope* const scope = pick_scope(world, node.a)) {
                scope->cancel("by the program");
                FUZZ_REQUIRE(scope->cancel_called());
            }
            break;
        case Op::move_deadline:
            world.deadlines_changed = true;
            if (CancelScope* const scope = pick_scope(world, node.a)) {
                scope->set_deadline(later(world.now(), duration_of(node.b)));
            }
            break;
        case Op::set_shield:
            world.shields_changed = true;
            if (CancelScope* const scope = pick_scope(world, node.a)) {
                scope->set_shield((node.b & 1U) != 0 && !world.over);
            }
            break;
        case Op::cancel_group:
            if (World::GroupRecord* const record = pick_group(world, node.a)) {
                record->group->cancel("by the program");
            }
            break;
        default:
            broken("no operation", __FILE__, __LINE__);
    }
}

Task<> acting(World& world, const Node& node) {
    act(world, node);
    co_return;
}

}  // namespace

CancelScope* pick_scope(World& world, std::uint8_t which) {
    return world.scopes.empty() ? nullptr : world.scopes[which % world.scopes.size()];
}

std::vector<Task<int>> bodies(World& world, Operations block) {
    std::vector<Task<int>> all;
    for (const Node& inner : block) {
        all.push_back(new_job(world, Operations(&inner, 1)));
    }
    return all;
}

Task<> flow_operation(World& world, const Node& node) {
    switch (node.op) {
        case Op::spawn:
            return spawn_one(world, node);
        case Op::scope:
            return scope(world, node);
        case Op::move_on:
            return move_on(world, node);
        case Op::fail_after:
            return fail(world, node);
        case Op::shield:
            return shielded(world, node);
        case Op::group:
            return group(world, node);
        case Op::group_spawn:
            return spawn_in_group(world, node);
        case Op::group_start:
            return start_in_group(world, node);
        case Op::join_set:
            return join_set(world, node);
        case Op::race:
            return racing(world, node);
        case Op::gather:
            return gathering(world, node);
        case Op::settled:
            return settling(world, node);
        case Op::cleanup:
            return cleaned(world, node);
        case Op::detach:
            return detached(world, node);
        case Op::catch_failures:
            return catching(world, node);
        case Op::repeat:
            return repeating(world, node);
        case Op::sleep:
            return nap(world, node, false);
        case Op::sleep_until:
            return nap(world, node, true);
        case Op::wait_job:
            return wait_job(world, node);
        case Op::join_job:
            return join_job(world, node);
        case Op::yield:
        case Op::checkpoint:
            return [](World& w, bool yields) -> Task<> {
                const Entry entry(w);
                if (yields) {
                    co_await yield();
                } else {
                    co_await checkpoint();
                }
                entry.passed();
                FUZZ_REQUIRE(w.now() == entry.began());
            }(world, node.op == Op::yield);
        default:
            return acting(world, node);
    }
}

namespace {

Task<> wait_for_all(World& world) {
    for (std::size_t i = 0; i < world.jobs.size(); ++i) {  // more come meanwhile
        if (world.jobs[i].handle.valid()) {
            co_await world.jobs[i].handle.wait();
        }
    }
}

/// From now on nothing lasts for long: every job is cancelled, and what hides one no longer does.
void end(World& world) {
    if (world.over) {
        return;
    }
    world.over = true;
    world.shields_changed = true;
    for (CancelScope* const scope : world.scopes) {
        if (scope != nullptr) {
            scope->set_shield(false);
        }
    }
    Loop::current().cancel("the program is over");
}

}  // namespace

Task<> run_program(World& world, Operations main) {
    TimerHandle reaper = call_at(world.end, [&world] { end(world); });
    Task<int> first = new_job(world, main);
    world.jobs.front().handle = spawn(std::move(first));
    co_await shield(wait_for_all(world));
    reaper.cancel();
    end(world);
    co_await shield(wait_for_all(world));
    for (JobRecord& job : world.jobs) {
        job.handle.detach();  // what nobody has collected is said now
    }
    world.main_ended = true;
    world.promise.reset();
    world.future = {};
}

Task<> tear_program(World& world, Operations main, Duration after) {
    Task<int> first = new_job(world, main);
    world.jobs.front().handle = spawn(std::move(first));
    co_await sleep_for(std::min<Duration>(after, std::chrono::seconds(1)));
    for (JobRecord& job : world.jobs) {
        job.handle.detach();
    }
    world.main_ended = true;
    world.promise.reset();
    world.future = {};
}

}  // namespace eddy::fuzz
