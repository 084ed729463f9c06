// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <stop_token>
#include <tuple>
#include <type_traits>
#include <utility>

#include <eddy/detail/frame_pool.hpp>
#include <eddy/detail/promise.hpp>
#include <eddy/executor.hpp>
#include <eddy/outcome.hpp>

namespace eddy::inline v0_1 {
struct OffloadOptions;
}

namespace eddy::inline v0_1::detail {

/// Anything that can stand where `run_in_executor` takes a function.
template <class F>
concept OffloadCallable = !std::is_base_of_v<Executor, std::remove_cvref_t<F>> &&
                          !std::is_same_v<OffloadOptions, std::remove_cvref_t<F>>;

/// Work that ends with an R.
template <class R>
class WorkWithResult : public Work {
public:
    /// Requires: it has ended, and without an error.
    R take_result() {
        return restore<R>(std::move(*value_));  // NOLINT(bugprone-unchecked-optional-access)
    }

protected:
    WorkWithResult() noexcept = default;
    ~WorkWithResult() override = default;

    std::optional<Stored<R>> value_;
};

/// A call and its arguments. Recycled by the loop thread's frame pool, where it comes from and
/// normally goes back to, so that nothing needs a lock.
template <class F, class... Args>
class CallKept {
public:
    template <class Fn, class... As>
    explicit CallKept(Fn&& fn, As&&... args)
        : fn_(std::forward<Fn>(fn)), args_(std::forward<As>(args)...) {}

    static constexpr bool takes_stop_token = std::is_invocable_v<F&, std::stop_token, Args...>;
    static_assert(takes_stop_token || std::is_invocable_v<F&, Args...>,
                  "run_in_executor: the function cannot be called with these arguments, as "
                  "rvalues (pass std::ref for a reference)");

    template <class... Token>
    decltype(auto) operator()(Token&&... token) {
        return std::apply(
            [&](Args&... args) -> decltype(auto) {
                return std::invoke(fn_, std::forward<Token>(token)..., std::move(args)...);
            },
            args_);
    }

private:
    F fn_;
    std::tuple<Args...> args_;
};

template <class F, bool WithToken, class... Args>
struct OffloadResult {
    using type = std::invoke_result_t<F&, Args...>;
};
template <class F, class... Args>
struct OffloadResult<F, true, Args...> {
    using type = std::invoke_result_t<F&, std::stop_token, Args...>;
};
template <class F, class... Args>
using offload_result_t =
    typename OffloadResult<F, CallKept<F, Args...>::takes_stop_token, Args...>::type;

template <class F, class... Args>
class OffloadNode final : public WorkWithResult<offload_result_t<F, Args...>> {
public:
    using Result = offload_result_t<F, Args...>;
    static_assert(!is_task<std::remove_cvref_t<Result>>,
                  "run_in_executor calls plain functions: a Task runs on its loop, so await it");

    template <class Fn, class... As>
    explicit OffloadNode(Fn&& fn, As&&... args) {
        call_.emplace(std::forward<Fn>(fn), std::forward<As>(args)...);
    }

    static void* operator new(std::size_t size) { return FramePool::allocate(size); }
    static void operator delete(void* memory, std::size_t size) noexcept {
        FramePool::release(memory, size);
    }
    static void* operator new(std::size_t size, std::align_val_t alignment) {
        return ::operator new(size, alignment);
    }
    static void operator delete(void* memory, std::size_t, std::align_val_t alignment) noexcept {
        ::operator delete(memory, alignment);
    }

private:
    using Kept = CallKept<F, Args...>;

    ~OffloadNode() override = default;

    void invoke() noexcept override {
        Kept& call = *call_;  // NOLINT(bugprone-unchecked-optional-access): until here, always
        try {
            if constexpr (Kept::takes_stop_token) {
                keep_result(call, this->stop_token());
            } else {
                keep_result(call);
            }
        } catch (...) {
            this->error_ = std::current_exception();
        }
        call_.reset();
    }

    template <class... Token>
    void keep_result(Kept& call, Token&&... token) {
        if constexpr (std::is_void_v<Result>) {
            call(std::forward<Token>(token)...);
            this->value_.emplace();
        } else if constexpr (std::is_reference_v<Result>) {
            auto&& reference = call(std::forward<Token>(token)...);
            this->value_.emplace(std::addressof(reference));
        } else {
            this->value_.emplace(call(std::forward<Token>(token)...));
        }
    }

    void drop_call() noexcept override { call_.reset(); }
    void destroy() noexcept override { delete this; }

    std::optional<Kept> call_;
};

}  // namespace eddy::inline v0_1::detail
