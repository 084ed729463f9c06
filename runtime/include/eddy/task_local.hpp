// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include <eddy/detail/export.hpp>
#include <eddy/detail/job.hpp>

namespace eddy::inline v0_1 {

namespace detail {

/// One binding. Lists share their tails: a job's children start with the list it had.
struct EDDY_API LocalNode {
    LocalNode(const void* variable, std::shared_ptr<const LocalNode> older) noexcept
        : key(variable), next(std::move(older)) {}
    LocalNode(const LocalNode&) = delete;
    LocalNode& operator=(const LocalNode&) = delete;

    const void* key;
    mutable std::shared_ptr<const LocalNode> next;  // constant until the node's end

protected:
    ~LocalNode();
};

template <class T>
struct LocalValue final : LocalNode {
    template <class... Args>
    explicit LocalValue(const void* variable,
                        std::shared_ptr<const LocalNode> older,
                        Args&&... args)
        : LocalNode(variable, std::move(older)), value(std::forward<Args>(args)...) {}
    T value;
};

/// The newest binding of a variable in the running job, null outside jobs.
[[nodiscard]] EDDY_API const LocalNode* find_local(const void* key) noexcept;
/// The running job's bindings; throws `InvalidState` outside jobs.
[[nodiscard]] EDDY_API std::shared_ptr<const LocalNode> current_locals();

/// Puts a binding in front of the running job's, and takes it away at its end.
class EDDY_API LocalBinding {
public:
    LocalBinding(const LocalBinding&) = delete;
    LocalBinding& operator=(const LocalBinding&) = delete;

protected:
    explicit LocalBinding(std::shared_ptr<const LocalNode> node);
    ~LocalBinding();

private:
    Job& job_;
    const LocalNode* node_;
};

}  // namespace detail

/// A variable with a value of its own in every job: a request id, a tracing span, a tenant.
///
///     inline TaskLocal<std::string> request_id;
///
///     Task<> handle(Request request) {
///         const auto bound = request_id.bind(request.id);  // until the end of the block
///         co_await process(std::move(request));            // here, and in jobs started here,
///     }                                                    // *request_id.get() == request.id
///
/// A value is seen by the job that has bound it, in all the tasks it awaits, and by the jobs it
/// spawns meanwhile, for as long as they run. It cannot be changed, only covered by another
/// binding. Unlike a `thread_local`, it does not leak into the jobs that run in between.
///
/// Lifetime: the variable outlives its bindings: make it global.
/// Cost:     `bind` allocates once; `get` is linear in the bindings around, a spawn copies a
///           pointer.
/// Source:   Python's context variables, tokio's `task_local!`.
template <class T>
class EDDY_VISIBLE TaskLocal final {
public:
    /// Ends its binding when it goes.
    ///
    /// Requires: bindings of a job end in reverse order, in that job, which holds for locals of a
    ///           coroutine.
    class [[nodiscard]] Binding final : private detail::LocalBinding {
    private:
        friend class TaskLocal;
        explicit Binding(std::shared_ptr<const detail::LocalNode> node)
            : LocalBinding(std::move(node)) {}
    };

    TaskLocal() = default;
    TaskLocal(const TaskLocal&) = delete;
    TaskLocal& operator=(const TaskLocal&) = delete;

    /// The current job's value; null when nothing is bound, and outside jobs. Valid as long as it
    /// is bound here.
    [[nodiscard]] const T* get() const noexcept {
        const detail::LocalNode* node = detail::find_local(this);
        return node != nullptr ? &static_cast<const detail::LocalValue<T>*>(node)->value : nullptr;
    }

    /// Binds a value made from `args`, until the end of the block.
    ///
    /// Throws: `InvalidState` outside jobs.
    template <class... Args>
        requires std::is_constructible_v<T, Args...>
    Binding bind(Args&&... args) const {
        return Binding(std::make_shared<const detail::LocalValue<T>>(
            this, detail::current_locals(), std::forward<Args>(args)...));
    }
};

}  // namespace eddy::inline v0_1
