// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace eddy {

/// All failures of a task group in one exception, in order of occurrence.
///
/// A group always throws this, for one failure too, so that code that handles one handles many. It
/// never contains `Cancelled`: cancellation is no failure.
///
///     try { co_await with_task_group(...); }
///     catch (const ExceptionGroup& failures) {
///         if (failures.contains<IoError>()) ...
///         failures.for_each<IoError>([](const IoError& error) { ... });
///     }
///
/// Cost: copying shares the list.
class ExceptionGroup : public std::exception {
public:
    /// Null pointers and `Cancelled` are left out; an `ExceptionGroup` inside stays nested.
    explicit ExceptionGroup(std::vector<std::exception_ptr> exceptions);

    [[nodiscard]] std::span<const std::exception_ptr> exceptions() const noexcept;

    /// "2 failures: connect refused; timed out".
    [[nodiscard]] const char* what() const noexcept override;

    /// Calls `fn` with each failure that is an `E`, those of nested groups included.
    template <class E, std::invocable<const E&> F>
    void for_each(F&& fn) const {
        for (const std::exception_ptr& failure : exceptions()) {
            visit<E>(failure, fn);
        }
    }

    /// How many failures are an `E`, nested ones included.
    template <class E>
    [[nodiscard]] std::size_t count() const {
        std::size_t found = 0;
        for_each<E>([&found](const E&) { ++found; });
        return found;
    }

    template <class E>
    [[nodiscard]] bool contains() const {
        return count<E>() != 0;
    }

    /// A copy of the first failure that is an `E`.
    template <std::copy_constructible E>
    [[nodiscard]] std::optional<E> first() const {
        std::optional<E> found;
        for_each<E>([&found](const E& error) {
            if (!found) {
                found.emplace(error);
            }
        });
        return found;
    }

private:
    struct Shared;
    struct Unasked {  // never thrown: whoever asks for groups gets them by the handler above
        template <class E, class F>
        void for_each(F&&) const {}
    };

    template <class E, class F>
    static void visit(const std::exception_ptr& failure, F& fn) {
        using Nested =
            std::conditional_t<std::is_base_of_v<E, ExceptionGroup>, Unasked, ExceptionGroup>;
        try {
            std::rethrow_exception(failure);
        } catch (const E& error) {
            fn(error);
        } catch (const Nested& nested) {
            nested.template for_each<E>(fn);
        } catch (...) {  // another type: not asked for
        }
    }

    std::shared_ptr<const Shared> shared_;
};

namespace detail {

/// "bad thing", or the type's name for what is no `std::exception`.
[[nodiscard]] std::string describe(const std::exception_ptr& exception);

/// Whether it holds a `Cancelled`, without throwing where the ABI allows it.
[[nodiscard]] bool is_cancelled(const std::exception_ptr& exception) noexcept;

}  // namespace detail
}  // namespace eddy
