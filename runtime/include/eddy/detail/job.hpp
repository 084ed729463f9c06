// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <string>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/frame_pool.hpp>
#include <eddy/detail/job_name.hpp>
#include <eddy/detail/promise.hpp>
#include <eddy/detail/scope_node.hpp>
#include <eddy/job_info.hpp>
#include <eddy/wait_queue.hpp>

namespace eddy::inline v0_1::detail {

class LoopCore;
class Nursery;
struct CancelToken;
struct LocalNode;

/// What few jobs have.
struct JobExtras {
    JobName name;
    std::shared_ptr<const LocalNode> locals;  // task-locals, newest first; shared with children
    std::shared_ptr<CancelToken> token;       // what cancel handles look into
};

/// One logical thread of control: a spawned task and the chain of tasks it awaits.
///
/// Lives in pooled memory and is counted: one reference while it runs, one for each handle. The
/// coroutine frames die when the body ends; the result stays here for the handle.
///
/// Everything here is the loop thread's. Who writes what, and when (anybody there may read):
///
/// | field         | who writes it                                                               |
/// |---------------|-----------------------------------------------------------------------------|
/// | ScopeNode     | scope_node.cpp: entry, cancellation, move and exit of its own scope         |
/// | ready_next    | whoever has the job in a list: `ReadyQueue`; after the end `TaskGroup` for  |
/// |               | its failures, `CompletionQueue` for its results. Never two of them          |
/// | leaf          | `set_root` when it is made; then who suspends it (`Awaiting`,               |
/// |               | `root_reached_end`) and who resumes it (`LoopCore::step`, null meanwhile);  |
/// |               | `discard` or `destroy_frames` at the end                                    |
/// | scope         | the job itself, entering and leaving scopes (`ScopeEntry`, `Nursery`)       |
/// | wait          | set by `Awaiting` before `start`; cleared by who ends the wait: `commit`,   |
/// |               | `abort_wait`, `sever_waits`, a `start` that throws, the frame's end         |
/// | wait_since    | `Awaiting` when a wait begins; `ReadyQueue` and `made_woken` while it is    |
/// |               | ready                                                                       |
/// | nursery       | `admit`; `StartHost` and `serve` when the job moves; null by `finish` or    |
/// |               | `destroy_job`                                                               |
/// | id, parent_id | `admit`, once                                                               |
/// | extras        | `ensure_extras`: a name before it starts, locals by the job, a token by who |
/// |               | asks for a `CancelHandle`                                                   |
/// | spawned       | who spawns it, before `admit`                                               |
/// | joiners       | `JobWait`s queue themselves; `finish` or `destroy_job` wakes them all       |
/// | error         | `keep_failure` and `throw_kept` while it runs; then `collect` and `finish`  |
/// | references    | `JobRef`, `admit`, whoever keeps it in a list after its end                 |
/// | budget        | `step` fills it; `Awaiting` takes from it                                   |
/// | state, ended  | `finish` or `destroy_job`, once                                             |
/// | body_done     | `root_reached_end`, once                                                    |
/// | collected     | who sees the outcome, or is sure to: groups, sets, handles, reports         |
/// | severed       | `sever_waits` sets it, `make_aborted` takes it back                         |
/// | value (JobOf) | `collect` sets it, `take_result` takes it                                   |
class EDDY_API Job : public ScopeNode {
public:
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

    Job* ready_next = nullptr;    // JobLine's: ready; after the end: with a group, or a set
    PromiseBase* leaf = nullptr;  // the innermost coroutine; null while it runs, its root once done
    ScopeNode* scope = this;      // the scope it is in
    Waiter* wait = nullptr;       // what it waits on; null while ready or running
    TimePoint wait_since{};       // while it is ready, see behind() and ready_since()
    Nursery* nursery = nullptr;   // who counts it, null after the end
    JobId id = 0;
    std::unique_ptr<JobExtras> extras;
    std::source_location spawned;
    JobId parent_id = 0;
    WaitQueue joiners;
    std::exception_ptr error;  // of a failed job; before: what its next resumption throws
    std::uint32_t references = 1;
    std::uint8_t budget = 0;
    JobState state = JobState::pending;
    bool body_done : 1 = false;  // the root coroutine is at its final suspend point
    bool collected : 1 = false;  // somebody has seen, or will see, how it ended
    bool ended : 1 = false;
    bool severed : 1 = false;  // the loop is over: waits end with LoopClosed
    // The last of its 168 bytes is left for the value of a JobOf<void>.

    /// Takes the result out of the finished root frame and destroys frame and callable.
    virtual void collect() noexcept = 0;
    /// Destroys a frame that never started or is already gone, and the callable.
    virtual void discard() noexcept = 0;
    /// The root frame has been destroyed, by a teardown that began at the leaf.
    virtual void forget_root() noexcept = 0;
    /// Gives the memory back.
    virtual void destroy() noexcept = 0;

    /// What is cancelled when the job is.
    [[nodiscard]] ScopeNode& own_scope() noexcept { return *this; }
    [[nodiscard]] const ScopeNode& own_scope() const noexcept { return *this; }

    void retain() noexcept { ++references; }
    void release() noexcept {
        if (--references == 0) {
            destroy();
        }
    }

    [[nodiscard]] std::string_view name() const noexcept {
        return extras ? extras->name.view() : std::string_view();
    }
    /// "fetch #7", or "job #7".
    [[nodiscard]] std::string label() const;
    [[nodiscard]] JobInfo info() const noexcept;
    [[nodiscard]] JobExtras& ensure_extras();

    /// Of a willing job in the ready queue: how many woken ones have to go before it, counted from
    /// the loop's beginning. In the place of a time that means nothing meanwhile.
    [[nodiscard]] std::uint64_t behind() const noexcept {
        return static_cast<std::uint64_t>(wait_since.time_since_epoch().count());
    }
    void set_behind(std::uint64_t count) noexcept {
        wait_since = TimePoint(Duration(static_cast<Duration::rep>(count)));
    }

    /// Of a woken job in the ready queue: since when it is there, if somebody wanted to know. In
    /// the same place, as a negative number, which neither a count nor the beginning of a wait is:
    /// they overwrite it before the job can be ready again, so that none is ever out of date.
    [[nodiscard]] std::optional<TimePoint> ready_since() const noexcept {
        const Duration::rep kept = wait_since.time_since_epoch().count();
        return kept < 0 ? std::optional(TimePoint(Duration(~kept))) : std::nullopt;
    }
    void set_ready_since(TimePoint time) noexcept {
        wait_since = TimePoint(Duration(~time.time_since_epoch().count()));
    }

    /// One abort attempt on what it waits for: its scope has just become cancelled.
    void abort_wait() noexcept;

protected:
    Job() noexcept { job_root = true; }
    ~Job() = default;
};

/// A counted pointer to a job.
template <class J>
class JobRef final {
public:
    JobRef() noexcept = default;
    /// Takes over the reference a new job is born with.
    [[nodiscard]] static JobRef adopt(J& job) noexcept {
        JobRef ref;
        ref.job_ = &job;
        return ref;
    }
    /// Shares: counts one more.
    explicit JobRef(J& job) noexcept : job_(&job) { job.retain(); }
    JobRef(const JobRef& other) noexcept : job_(other.job_) {
        if (job_ != nullptr) {
            job_->retain();
        }
    }
    JobRef(JobRef&& other) noexcept : job_(std::exchange(other.job_, nullptr)) {}
    JobRef& operator=(JobRef other) noexcept {
        std::swap(job_, other.job_);
        return *this;
    }
    ~JobRef() {
        if (job_ != nullptr) {
            job_->release();
        }
    }

    [[nodiscard]] J* get() const noexcept { return job_; }
    J* operator->() const noexcept { return job_; }
    J& operator*() const noexcept { return *job_; }
    explicit operator bool() const noexcept { return job_ != nullptr; }

private:
    J* job_ = nullptr;
};

/// `std::optional<Unit>` in one byte.
class OptionalUnit final {
public:
    [[nodiscard]] explicit operator bool() const noexcept { return there_; }
    [[nodiscard]] Unit operator*() const noexcept { return {}; }
    void emplace(Unit) noexcept { there_ = true; }

private:
    bool there_ = false;
};

/// A job with a result of type T.
template <class T>
class JobOf : public Job {
public:
    // Of a finished job, until somebody takes it.
    std::conditional_t<std::is_void_v<T>, OptionalUnit, std::optional<Stored<T>>> value;

    static void* operator new(std::size_t size) { return FramePool::allocate(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
        FramePool::release(memory, size);
    }

    void set_root(Promise<T>& root) noexcept { leaf = &root; }

    void collect() noexcept override {
        auto& root = static_cast<Promise<T>&>(*leaf);
        error = std::move(root.error);
        if (!error) {
            try {
                value.emplace(root.take_stored());
            } catch (...) {
                error = std::current_exception();
            }
        }
        discard();
    }
    void discard() noexcept override {
        if (leaf != nullptr) {
            handle_of(*std::exchange(leaf, nullptr)).destroy();
        }
    }
    void forget_root() noexcept override {}

protected:
    JobOf() = default;
    ~JobOf() = default;
};

/// Says how a job without a value ended: rethrows its failure, or throws `JobCancelled`.
[[noreturn]] EDDY_API void throw_no_value(const Job& job);

/// The result of a job that has ended, moved out. Throws what it threw, `JobCancelled`, or
/// `InvalidState` when it was taken before.
template <class T>
T take_result(JobOf<T>& job) {
    job.collected = true;
    if (!job.value) {
        throw_no_value(job);
    }
    Stored<T> stored = std::move(*job.value);
    if constexpr (!std::is_void_v<T>) {
        job.value.reset();
    }
    return restore<T>(std::move(stored));
}

}  // namespace eddy::inline v0_1::detail
