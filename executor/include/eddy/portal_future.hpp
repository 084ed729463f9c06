// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <future>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1 {

namespace detail {

/// How the caller of a portal reaches the job: a stop source, and why it was stopped.
///
/// | field   | who may touch it                                                           |
/// |---------|----------------------------------------------------------------------------|
/// | called_ | anybody                                                                    |
/// | reason_ | the first caller, before it stops the source; everybody who has seen that  |
/// |         | the source is stopped, which comes after                                   |
class EDDY_API PortalStop final {
public:
    PortalStop() = default;
    PortalStop(const PortalStop&) = delete;
    PortalStop& operator=(const PortalStop&) = delete;

    /// The first one counts.
    void request(std::string_view reason) noexcept;

    [[nodiscard]] std::stop_token token() const noexcept { return source_.get_token(); }
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

private:
    std::atomic<bool> called_{false};
    std::string reason_;
    std::stop_source source_;
};

}  // namespace detail

/// What `Portal::submit` returns: a `std::future`, which can also cancel what it waits for.
///
///     PortalFuture<User> user = portal.submit(find_user, 42);
///     if (user.wait_for(1s) == std::future_status::timeout) {
///         user.cancel("took too long");
///     }
///     use(user.get());  // throws JobCancelled, if that came in time
///
/// Who does not want to cancel keeps it as a `std::future<User>`. Dropping either cancels nothing.
///
/// Threading: as `std::future`, but `cancel` may be called while another thread is in one of its
///            functions.
template <class T>
class [[nodiscard]] EDDY_VISIBLE PortalFuture final : public std::future<T> {
public:
    /// Waits for nothing.
    PortalFuture() noexcept = default;
    PortalFuture(std::future<T> result, std::shared_ptr<detail::PortalStop> stop) noexcept
        : std::future<T>(std::move(result)), stop_(std::move(stop)) {}

    /// Cancels the job: one that has not begun never calls its function; one that waits is
    /// cancelled there; a plain function that runs goes on to its end, and its result counts. The
    /// future ends with `JobCancelled`, unless the result was faster. Does not wait for that.
    ///
    /// The first call decides the reason. It does no harm when the job has ended, the result was
    /// taken, the loop is over; nor when this was moved from: then it does nothing.
    ///
    /// Threading: any.
    void cancel(std::string_view reason = {}) const noexcept {
        if (stop_) {
            stop_->request(reason);
        }
    }

private:
    std::shared_ptr<detail::PortalStop> stop_;
};

}  // namespace eddy::inline v0_1
