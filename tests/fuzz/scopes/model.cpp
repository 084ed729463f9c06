// SPDX-License-Identifier: MIT
// The model: scopes are a tree of flags, a job is a stack of steps, and time is a number.
#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>
#include <random>
#include <utility>

#include "tree.hpp"

namespace eddy::fuzz {

namespace {

constexpr std::int64_t no_time = std::numeric_limits<std::int64_t>::max();
constexpr std::size_t nobody = ~std::size_t{0};
constexpr int by_call = 0;  // as in CancelSource
constexpr int by_deadline = 1;
constexpr int by_group = 2;

struct Scope {
    std::size_t parent = nobody;
    bool entered = false;
    bool left = false;
    bool cancelled = false;
    bool shield = false;
    int source = -1;                        // the first cause
    std::int64_t deadline = no_time;        // once entered
    std::int64_t timeout = no_time;         // before
    std::int64_t early_deadline = no_time;  // set before
};

/// A group, by the number of its step; its scope has the same.
struct Group {
    std::size_t host = nobody;  // the job that waits for its end, if it does
    std::size_t live = 0;
    bool open = false;
    bool interrupted = false;
    std::vector<std::vector<std::size_t>> failures = {};
};

struct Frame {
    const Steps* steps;
    const Step* around;  // null: of the job
    std::size_t next = 0;
    std::size_t outer_scope = nobody;
};

enum class Flow : std::uint8_t { normal, cancelled, failed };

/// What a job is at: `scope` is its current one. Jobs and scopes have the numbers of their steps.
struct Job {
    bool spawned = false;
    bool ended = false;
    bool sleeping = false;
    bool leaving = false;  // waits for its innermost group
    std::int64_t due = 0;
    const Step* at = nullptr;  // the sleep or yield
    std::size_t scope = nobody;
    std::size_t group = 0;
    Flow flow = Flow::normal;
    std::vector<std::size_t> failures = {};
    std::vector<Frame> stack = {};
};

class Model final {
public:
    Model(const Tree& tree, std::uint64_t order, const Ends* seen)
        : tree_(tree),
          seen_(seen),
          in_order_(order == 0),
          random_(order),
          ends_(tree.steps.size()),
          scopes_(tree.steps.size()),
          groups_(tree.steps.size()),
          jobs_(tree.steps.size()) {}

    Ends run() {
        for (const std::size_t number : tree_.scopes) {
            const Step& step = *tree_.steps[number];
            scopes_[number].timeout = step.has_timeout() ? step.nanoseconds() : no_time;
            scopes_[number].shield = step.has_shield();
        }
        start(0, tree_.main, nobody, 0);
        for (;;) {
            while (!ready_.empty()) {
                step(in_order_ ? 0 : pick());
            }
            if (!next_moment()) {
                return std::move(ends_);
            }
        }
    }

private:
    void step(std::size_t place) {
        const std::size_t job = ready_[place];
        ready_.erase(ready_.begin() + static_cast<std::ptrdiff_t>(place));
        go_on(job);
    }
    /// Who is next: a random one of those with whom what was seen is not left. There are too many
    /// orders to try them all, and of most one step tells that it was not that.
    [[nodiscard]] std::size_t pick() {
        std::vector<std::size_t> places(ready_.size());
        std::iota(places.begin(), places.end(), std::size_t{0});
        std::shuffle(places.begin(), places.end(), random_);
        for (const std::size_t place : places) {
            Model trial(*this);
            trial.step(place);
            if (trial.agrees()) {
                return place;
            }
        }
        return places.front();
    }
    /// So far.
    [[nodiscard]] bool agrees() const {
        for (std::size_t i = 0; i < ends_.size(); ++i) {
            const End& mine = ends_[i];
            const End& seen = (*seen_)[i];
            if ((mine.way != Way::not_run && !(mine == seen)) ||
                (mine.deadline != 0 && mine.deadline != seen.deadline)) {
                return false;
            }
        }
        return true;
    }

    [[nodiscard]] bool effective(std::size_t scope) const {
        for (; scope != nobody; scope = scopes_[scope].parent) {
            if (scopes_[scope].cancelled) {
                return true;
            }
            if (scopes_[scope].shield) {
                return false;
            }
        }
        return false;
    }
    /// Which cancellation is heard there: of those in sight the outermost.
    [[nodiscard]] int source(std::size_t scope) const {
        int heard = -1;
        for (; scope != nobody; scope = scopes_[scope].parent) {
            heard = scopes_[scope].cancelled ? scopes_[scope].source : heard;
            if (scopes_[scope].shield) {
                break;
            }
        }
        return heard;
    }
    [[nodiscard]] std::int64_t effective_deadline(std::size_t scope) const {
        if (effective(scope)) {
            return std::numeric_limits<std::int64_t>::min();
        }
        std::int64_t earliest = no_time;
        for (; scope != nobody; scope = scopes_[scope].parent) {
            earliest = std::min(earliest, scopes_[scope].deadline);
            if (scopes_[scope].shield) {
                break;
            }
        }
        return earliest;
    }
    /// The innermost scope takes a cancellation that arrives at its end.
    [[nodiscard]] bool absorbs(std::size_t scope) const {
        return scopes_[scope].cancelled &&
               (scopes_[scope].shield || !effective(scopes_[scope].parent));
    }

    void start(std::size_t number,
               const Steps& steps,
               std::size_t parent_scope,
               std::size_t group) {
        Job& job = jobs_[number];
        job.spawned = true;
        job.scope = number;
        job.group = group;
        job.stack.push_back({.steps = &steps, .around = nullptr});
        enter(number, parent_scope);
        ready_.push_back(number);
    }
    void enter(std::size_t scope, std::size_t parent) {
        Scope& it = scopes_[scope];
        it.parent = parent;
        it.entered = true;
        it.deadline = it.early_deadline;
        if (it.timeout != no_time) {
            it.deadline = std::min(it.deadline, now_ + it.timeout);
        }
        if (it.deadline <= now_) {
            set_cancelled(it, by_deadline);
        }
    }

    [[nodiscard]] bool passed_unentered(const Scope& scope) const {
        return !scope.entered && (scope.timeout == 0 || scope.early_deadline <= now_);
    }
    static void set_cancelled(Scope& scope, int source) {
        scope.source = scope.cancelled ? scope.source : source;
        scope.cancelled = true;
    }
    void cancel(std::size_t scope, int source) {
        Scope& it = scopes_[scope];
        if (!it.left) {
            set_cancelled(it, passed_unentered(it) ? by_deadline : source);
            abort_waits();
        }
    }
    void abort_waits() {
        for (std::size_t number = 0; number < jobs_.size(); ++number) {
            Job& job = jobs_[number];
            if (job.sleeping && effective(job.scope)) {
                wake(number, Flow::cancelled);
            }
        }
    }
    void wake(std::size_t number, Flow flow) {
        Job& job = jobs_[number];
        job.sleeping = false;
        job.flow = flow;
        ready_.push_back(number);
    }

    /// To the next sleep that ends, or deadline. False: there is none.
    bool next_moment() {
        std::int64_t next = no_time;
        for (const Job& job : jobs_) {
            next = job.sleeping ? std::min(next, job.due) : next;
        }
        for (const Scope& scope : scopes_) {
            if (scope.entered && !scope.left && !scope.cancelled) {
                next = std::min(next, scope.deadline);
            }
        }
        if (next == no_time) {
            return false;
        }
        now_ = next;
        for (std::size_t number = 0; number < jobs_.size(); ++number) {  // waits before scopes
            if (jobs_[number].sleeping && jobs_[number].due == now_) {
                wake(number, Flow::normal);
            }
        }
        for (std::size_t number = 0; number < scopes_.size(); ++number) {
            const Scope& scope = scopes_[number];
            if (scope.entered && !scope.left && scope.deadline == now_) {
                cancel(number, by_deadline);
            }
        }
        return true;
    }

    void note(std::size_t number, Way way, std::vector<std::size_t> failures = {}) {
        std::sort(failures.begin(), failures.end());  // at one moment, any order
        ends_[number] = {.way = way, .at = now_, .failures = std::move(failures)};
    }
    static Way way_of(Flow flow) {
        return flow == Flow::normal      ? Way::done
               : flow == Flow::cancelled ? Way::cancelled
                                         : Way::failed;
    }

    void go_on(std::size_t number) {
        Job& job = jobs_[number];
        if (job.at != nullptr) {
            End& end = ends_[std::exchange(job.at, nullptr)->number];
            end.way = way_of(job.flow);
            end.at = now_;
            end.source = job.flow == Flow::cancelled ? source(job.scope) : -1;
        }
        for (;;) {
            Frame& frame = job.stack.back();
            if (job.flow == Flow::normal && frame.next < frame.steps->size()) {
                if (!run_step(number, (*frame.steps)[frame.next++])) {
                    return;  // it waits
                }
            } else if (frame.around == nullptr) {
                end_job(number);
                return;
            } else if (!leave(number, *frame.around)) {
                return;  // it waits for its group
            }
        }
    }

    /// False: the job waits now.
    bool run_step(std::size_t number, const Step& step) {
        Job& job = jobs_[number];
        switch (step.what) {
            case Do::sleep:
            case Do::yield:
                ends_[step.number].deadline = effective_deadline(job.scope);
                if (effective(job.scope)) {
                    job.flow = Flow::cancelled;
                    ends_[step.number].way = Way::cancelled;
                    ends_[step.number].at = now_;
                    ends_[step.number].source = source(job.scope);
                    return true;
                }
                job.at = &step;
                if (step.what == Do::yield || step.nanoseconds() == 0) {
                    ready_.push_back(number);  // has happened, but the others go first
                } else {
                    job.sleeping = true;
                    job.due = now_ + step.nanoseconds();
                }
                return false;
            case Do::fail:
                job.flow = Flow::failed;
                job.failures = {step.number};
                note(step.number, Way::failed, job.failures);
                return true;
            case Do::child: {
                const std::size_t group = tree_.group_of[step.number];
                if (group != 0) {
                    ++groups_[group].live;
                }
                start(step.number, step.inside, group != 0 ? group : nobody, group);
                return true;
            }
            case Do::cancel:
            case Do::set_deadline:
            case Do::set_shield:
                change(step);
                return true;
            default:
                break;
        }
        const std::size_t outer = job.scope;
        if (step.what == Do::fail_after) {
            scopes_[step.number].timeout = step.nanoseconds();
        }
        if (step.what != Do::catch_failures) {
            enter(step.number, outer);
            job.scope = step.number;
        }
        groups_[step.number].open = step.what == Do::group;
        job.stack.push_back({.steps = &step.inside, .around = &step, .outer_scope = outer});
        return true;
    }

    void change(const Step& step) {
        if (step.what == Do::cancel) {
            if (!tree_.targets.empty()) {
                const std::size_t target = tree_.targets[step.a % tree_.targets.size()];
                const bool is_scope = tree_.steps[target]->what == Do::scope;
                if (is_scope || scopes_[target].entered) {  // others are not there before
                    cancel(target, by_call);
                }
            }
            return;
        }
        if (tree_.scopes.empty()) {
            return;
        }
        Scope& scope = scopes_[tree_.scopes[step.a % tree_.scopes.size()]];
        if (step.what == Do::set_shield) {
            scope.shield = step.b % 2 == 0;
            abort_waits();
            return;
        }
        const std::int64_t when = now_ + step.nanoseconds();
        if (passed_unentered(scope)) {
            set_cancelled(scope, by_deadline);  // it had passed: moving it changes nothing
        }
        scope.timeout = no_time;
        scope.early_deadline = when;
        if (scope.entered) {
            scope.deadline = when;
        }
        if (when <= now_) {
            cancel(tree_.scopes[step.a % tree_.scopes.size()], by_deadline);
        }
    }

    /// The end of a step with others inside. False: the job waits for a group.
    bool leave(std::size_t number, const Step& step) {
        Job& job = jobs_[number];
        if (step.what == Do::group) {
            Group& group = groups_[step.number];
            if (job.flow == Flow::failed && !job.leaving) {
                cancel(step.number, by_group);
            }
            if (group.live != 0) {
                job.leaving = true;
                group.host = number;
                return false;
            }
            leave_group(job, step);
        } else if (step.what == Do::catch_failures) {
            note(step.number, way_of(job.flow), std::exchange(job.failures, {}));
            job.flow = job.flow == Flow::failed ? Flow::normal : job.flow;
        } else {
            const bool absorbed = job.flow == Flow::cancelled && absorbs(step.number);
            if (absorbed) {
                job.flow = Flow::normal;
            }
            if (absorbed && step.what == Do::fail_after) {
                job.flow = Flow::failed;
                job.failures = {step.number};
            }
            note(step.number,
                 absorbed && step.what == Do::scope ? Way::absorbed : way_of(job.flow),
                 job.failures);
            if (step.what == Do::scope) {
                ends_[step.number].source = scopes_[step.number].source;
            }
        }
        if (step.what != Do::catch_failures) {
            scopes_[step.number].left = true;
            job.scope = job.stack.back().outer_scope;
        }
        job.stack.pop_back();
        return true;
    }

    void leave_group(Job& job, const Step& step) {
        Group& group = groups_[step.number];
        job.leaving = false;
        group.open = false;
        const bool absorbed = absorbs(step.number);
        if (job.flow == Flow::failed) {
            group.failures.push_back(job.failures);
        }
        if (!group.failures.empty()) {
            job.flow = Flow::failed;
            job.failures.clear();
            for (const auto& some : group.failures) {
                job.failures.insert(job.failures.end(), some.begin(), some.end());
            }
        } else if (absorbed) {
            job.flow = Flow::normal;
        } else if (group.interrupted && effective(scopes_[step.number].parent)) {
            job.flow = Flow::cancelled;  // it has cost a child its result
        }
        note(step.number, way_of(job.flow), job.failures);
    }

    void end_job(std::size_t number) {
        Job& job = jobs_[number];
        const bool for_itself = absorbs(number);
        job.ended = true;
        scopes_[number].left = true;
        note(number, way_of(job.flow), job.failures);
        if (job.group == 0) {
            return;
        }
        Group& group = groups_[job.group];
        if (job.flow == Flow::failed) {
            group.failures.push_back(job.failures);
            cancel(job.group, by_group);
        } else if (job.flow == Flow::cancelled && !for_itself &&
                   effective(scopes_[job.group].parent)) {
            group.interrupted = true;
        }
        if (--group.live == 0 && group.host != nobody) {
            ready_.push_back(std::exchange(group.host, nobody));
        }
    }

    const Tree& tree_;
    const Ends* seen_;
    bool in_order_;
    std::mt19937_64 random_;
    std::int64_t now_ = 0;
    Ends ends_;
    std::vector<Scope> scopes_;
    std::vector<Group> groups_;
    std::vector<Job> jobs_;
    std::vector<std::size_t> ready_;
};

}  // namespace

Ends predict(const Tree& tree) { return Model(tree, 0, nullptr).run(); }

Ends predict_like(const Tree& tree, std::uint64_t order, const Ends& seen) {
    return Model(tree, order, &seen).run();
}

}  // namespace eddy::fuzz
