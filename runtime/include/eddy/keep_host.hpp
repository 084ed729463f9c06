// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>

#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1 {

/// What of a guest keeps its host's `uv_run` from returning, apart from `Loop::ref`.
///
/// - `always`, or true: that it is attached. The choice of a host that ends by detaching.
/// - `never`, or false: nothing, but a `detach` until it is done. The host ends when it likes.
/// - `while_jobs`: that it has something to do. A job that is alive, whatever it waits for, a
///   function that `call_later` keeps, a post of its own thread, a `detach`. The choice of an addon
///   whose pending promises are jobs: the process ends by itself when the last is settled.
///
/// A post of another thread can only wake a loop that polls: if nothing else keeps the host, it
/// may return before it has seen it. Whoever will be posted to is a job that waits, or holds `ref`.
class EDDY_VISIBLE KeepHost final {
public:
    static const KeepHost never;
    static const KeepHost always;
    static const KeepHost while_jobs;

    /// Of a bool, and of nothing that happens to convert to one.
    template <std::same_as<bool> B>
    // NOLINTNEXTLINE(google-explicit-constructor): `.keep_alive = false` says it all
    constexpr KeepHost(B keeps) noexcept : kind_(keeps ? 1 : 0) {}

    [[nodiscard]] friend constexpr bool operator==(KeepHost, KeepHost) noexcept = default;

private:
    struct Third {};
    consteval explicit KeepHost(Third) noexcept : kind_(2) {}

    unsigned char kind_;
};

inline constexpr KeepHost KeepHost::never = false;
inline constexpr KeepHost KeepHost::always = true;
inline constexpr KeepHost KeepHost::while_jobs{Third()};

}  // namespace eddy::inline v0_1
