// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string_view>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/scope_node.hpp>
#include <eddy/loop_handle.hpp>

namespace eddy::inline v0_1 {

namespace detail {

/// Where handles look for a scope; the scope clears it on its way out. Loop thread only.
struct CancelToken {
    ScopeNode* scope;
    void (*cancel)(ScopeNode& scope, std::string_view reason) = nullptr;  // null: as any node
};

}  // namespace detail

/// Cancels a scope or a job from any thread; safe when either, or the loop, is gone.
///
///     CancelHandle stop = scope.handle();
///     std::thread([stop] { stop.cancel("the user closed the window"); });
///
/// Threading: any thread; copies are independent.
class EDDY_API CancelHandle final {
public:
    CancelHandle(std::shared_ptr<detail::CancelToken> token, LoopHandle loop) noexcept
        : token_(std::move(token)), loop_(std::move(loop)) {}

    /// Asks the loop to cancel. False if the loop is over; true even if the scope is gone by then.
    // NOLINTNEXTLINE(modernize-use-nodiscard): most callers cancel and walk away.
    bool cancel(std::string_view reason = {}) const;

private:
    std::shared_ptr<detail::CancelToken> token_;
    LoopHandle loop_;
};

}  // namespace eddy::inline v0_1
