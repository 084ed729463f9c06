// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <utility>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1 {

namespace detail {
class RemoteFlag;
}

/// Sets an `Event` from any thread.
///
///     RemoteEvent ready = loaded.remote();  // on the loop
///     std::thread([ready] { load(); ready.set(); });
///     co_await loaded.wait();               // sees what load() did
///
/// A `set` that returned true happens: soon, on the event's loop, and at the latest when the loop
/// ends, unless the event goes first.
///
/// Threading: any thread; copies are independent.
/// Lifetime:  may outlive the event and the loop.
/// Cost:      one atomic operation; the first `set` wakes the loop. No allocation.
class EDDY_API RemoteEvent final {
public:
    /// What `Event::remote` calls.
    explicit RemoteEvent(std::shared_ptr<detail::RemoteFlag> flag) noexcept
        : flag_(std::move(flag)) {}

    /// False: the event is gone, or its loop is over; or this is a child that was forked since.
    /// Repeating it does nothing.
    // NOLINTNEXTLINE(modernize-use-nodiscard): few can do anything about it
    bool set() const noexcept;

    /// True once `set` refuses.
    [[nodiscard]] bool closed() const noexcept;

private:
    std::shared_ptr<detail::RemoteFlag> flag_;
};

}  // namespace eddy::inline v0_1
