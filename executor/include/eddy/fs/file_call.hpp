// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/offload_node.hpp>
#include <eddy/fs/file_pool.hpp>
#include <eddy/offload.hpp>

namespace eddy::inline v0_1 {

/// A call into the file system: what `read_file`, `replace_file`, `File::open` and the others
/// return. An operation, to be awaited once; until then nothing happens.
///
///     const auto answer = co_await select(read_file("a"), stop.wait());
///
/// The call runs on `file_pool()`, or the executor of its options, and owns all it touches.
///
/// Throws:       `IoError`, which says what was done to which file and why it failed; what
///               `run_in_executor` throws; `std::bad_alloc`.
/// Cancellation: queued: withdrawn. Running: a call that changes nothing is left alone, and the
///               job goes on at once; one that makes, changes or removes something is asked to
///               stop, and awaited. If it stopped before it had changed anything, that is
///               `Cancelled`; else its result counts, or its failure. Each function says which.
template <class R>
class [[nodiscard]] EDDY_VISIBLE FileCall final : public detail::OffloadWait {
public:
    /// For functions that make one: see `detail::call_file`. `executor`: null, the loop's.
    FileCall(const char* what,
             Executor* executor,
             OnCancel on_cancel,
             detail::WorkWithResult<R>& work) noexcept
        : OffloadWait(executor, {.on_cancel = on_cancel}, work), what_(what) {}

    void start() {
        if (executor() == nullptr) {
            set_executor(file_pool());
        }
        OffloadWait::start();
    }
    [[nodiscard]] const char* what() const noexcept override { return what_; }
    R take() { return take_result<R>(); }

private:
    const char* what_;
};

namespace detail {

/// `fn(args...)` on a thread that may block. `what`: for dumps, a literal.
template <class F, class... Args>
[[nodiscard]] auto call_file(
    const char* what, Executor* executor, OnCancel on_cancel, F fn, Args&&... args) {
    static_assert(std::is_pointer_v<F> || std::is_empty_v<F>, "what it needs are its arguments");
    using Node = OffloadNode<F, std::decay_t<Args>...>;
    return FileCall<typename Node::Result>(
        what, executor, on_cancel, *new Node(fn, std::forward<Args>(args)...));
}

}  // namespace detail

}  // namespace eddy::inline v0_1
