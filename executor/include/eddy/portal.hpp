// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <source_location>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include <eddy/detail/blocking_region.hpp>
#include <eddy/detail/check_call.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/detail/portal_call.hpp>
#include <eddy/executor.hpp>
#include <eddy/loop.hpp>
#include <eddy/portal_future.hpp>

namespace eddy::inline v0_1 {

/// A way for threads to have work done on a loop and get its result.
///
///     Portal portal;  // in a job: into its loop
///     std::thread([portal] {
///         std::future<User> user = portal.submit(find_user, 42);  // Task<User> find_user(int)
///         ...
///         use(user.get());
///     });
///
/// What is submitted, a function or one that returns a `Task`, runs as a job of its own in the
/// loop's root group. For a call without a result see `LoopHandle::post`; for a stream of values,
/// `RemoteSender`.
///
/// Throws:       `LoopClosed` when the loop is over. What the function throws, and `JobCancelled`
///               when its job was cancelled, comes out of the future.
/// Threading:    any thread; copies are independent.
/// Lifetime:     may outlive the loop. A future never hangs: what the loop cannot run any more ends
///               with `LoopClosed`.
/// Cost:         a handful of allocations, and a job on the loop.
/// Source:       anyio's blocking portal.
class EDDY_API Portal final {
public:
    /// Into the loop of this thread. Throws: `InvalidState` when there is none. Its jobs say that
    /// they come from `where`: a submitting thread is in no job.
    // NOLINTNEXTLINE(google-explicit-constructor): it is a default constructor.
    Portal(std::source_location where = std::source_location::current());
    explicit Portal(const Loop& loop, std::source_location where = std::source_location::current())
        : loop_(loop.handle()), where_(where) {}
    explicit Portal(LoopHandle loop,
                    std::source_location where = std::source_location::current()) noexcept
        : loop_(std::move(loop)), where_(where) {}

    /// Has the loop run `fn(args...)`. Dropping the future cancels nothing; `PortalFuture::cancel`
    /// does.
    template <class F, class... Args>
    [[nodiscard]] auto submit(F&& fn, Args&&... args) const {
        if constexpr (detail::check_plain_call<F, std::decay_t<Args>...>()) {
            using T = detail::portal_result_t<std::decay_t<F>, std::decay_t<Args>...>;
            detail::FutureReply<T> reply;
            auto stop = std::make_shared<detail::PortalStop>();
            PortalFuture<T> future(reply.future(), stop);
            send<T>(std::move(reply),
                    stop->token(),
                    std::shared_ptr<const std::string>(stop, &stop->reason()),
                    std::forward<F>(fn),
                    std::forward<Args>(args)...);
            return future;
        } else {
            return PortalFuture<void>();
        }
    }

    /// The same, and waits for the result: for functions that run in a pool.
    ///
    ///     Document load(Portal portal, Path path, Progress& progress) {  // in the pool
    ///         const Bytes bytes = read(path);
    ///         portal.call([&] { progress.add(bytes.size()); });          // on the loop
    ///         return parse(bytes);
    ///     }
    ///     co_await run_in_executor(load, Portal(), path, std::ref(progress));
    ///
    /// While it waits, its pool may run one thread more: the loop can offload to the same pool, up
    /// to `ThreadPoolOptions::max_blocked`.
    ///
    /// Throws:       `InvalidState` on a thread that runs a loop. Nested deeper than that, the
    ///               innermost call that the loop offloads ends with `IoError`, which comes out
    ///               here.
    /// Cancellation: in an offloaded call, cancelling the job that awaits it cancels the portal's
    ///               job too, and `Cancelled` comes out here: let it pass.
    template <class F, class... Args>
    decltype(auto) call(F&& fn, Args&&... args) const {
        if constexpr (detail::check_plain_call<F, std::decay_t<Args>...>()) {
            detail::require_off_loop("Portal::call");
            using T = detail::portal_result_t<std::decay_t<F>, std::decay_t<Args>...>;
            const auto slot = std::make_shared<detail::CallSlot<T>>();
            send<T>(detail::CallReply<T>(slot),
                    current_stop_token(),
                    nullptr,
                    std::forward<F>(fn),
                    std::forward<Args>(args)...);
            detail::BlockingRegion waiting;
            return slot->wait(waiting).value();
        }
    }

    /// True once everything is refused.
    [[nodiscard]] bool closed() const noexcept { return loop_.closed(); }

private:
    template <class T, class Reply, class F, class... Args>
    void send(Reply reply,
              std::stop_token token,
              std::shared_ptr<const std::string> reason,
              F&& fn,
              Args&&... args) const {
        send(detail::portal_job<Reply, T>(
            std::move(reply),
            std::move(token),
            std::move(reason),
            detail::portal_body<T, std::decay_t<F>, std::decay_t<Args>...>(
                std::forward<F>(fn), std::forward<Args>(args)...)));
    }
    void send(Task<> job) const;

    LoopHandle loop_;
    std::source_location where_;  // where it was made: what its jobs come from
};

}  // namespace eddy::inline v0_1
