// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <eddy/detail/export.hpp>
#include <eddy/waiter.hpp>

namespace eddy::inline v0_1::detail {

class WatchedDescriptor;

/// What one waits for on a descriptor. Each is a place of its own, for one job.
enum class Readiness : std::uint8_t { readable, writable, hang_up };

/// A wait for a `Descriptor`: `readable`, `writable` or `hang_up`.
///
/// Nobody is given anything by it, so one that is committed and dies has nothing to pass on.
class EDDY_API DescriptorWait final : public Waiter {
public:
    DescriptorWait(WatchedDescriptor* watched, Readiness readiness) noexcept
        : watched_(watched), readiness_(readiness) {}
    [[nodiscard]] const char* what() const noexcept override;

    [[nodiscard]] bool try_now();
    void start();
    void take() const {
        if (error_ != 0) [[unlikely]] {
            throw_failure();
        }
    }

private:
    friend class WatchedDescriptor;
    static constexpr int closed = -1;

    void unlink() noexcept override;
    /// Ends it: zero, an errno, or `closed`.
    void end(int error) noexcept;
    [[noreturn]] void throw_failure() const;

    WatchedDescriptor* watched_;  // null: the Descriptor was moved from
    int descriptor_ = -1;         // which one it was, for the error
    int error_ = 0;
    Readiness readiness_;
};

}  // namespace eddy::inline v0_1::detail
