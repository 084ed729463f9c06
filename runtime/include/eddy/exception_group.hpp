// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <eddy/detail/compiler.hpp>  // IWYU pragma: keep
#include <eddy/detail/export.hpp>

namespace eddy::inline v0_1 {

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
/// Cost: copying shares the list. Groups may be nested as deep as memory goes: nothing here
///       recurses into them.
class EDDY_API ExceptionGroup : public std::exception {
public:
    /// Null pointers and `Cancelled` are left out; an `ExceptionGroup` inside stays nested.
    explicit ExceptionGroup(std::vector<std::exception_ptr> exceptions);

    [[nodiscard]] std::span<const std::exception_ptr> exceptions() const noexcept;

    /// "2 failures: connect refused; timed out". Of many, or of deeply nested ones, the first few:
    /// "10000 failures: ...; and 9984 more". At most some 20 KiB.
    ///
    /// Threading: any; the text is made when it is first asked for, and kept.
    /// Throws:    nothing; without memory for the text it says that.
    [[nodiscard]] const char* what() const noexcept override;

    /// Calls `fn` with each failure that is an `E`, those of nested groups included.
    template <class E, std::invocable<const E&> F>
    void for_each(F&& fn) const {
        ExceptionGroup group = *this;
        std::size_t next = 0;
        std::vector<std::pair<ExceptionGroup, std::size_t>> around;  // where to go on after `group`
        while (true) {
            if (next != group.exceptions().size()) {
                std::optional<ExceptionGroup> nested = visit<E>(group.exceptions()[next++], fn);
                if (nested) {
                    around.emplace_back(std::move(group), next);
                    group = std::move(*nested);
                    next = 0;
                }
            } else if (!around.empty()) {
                group = std::move(around.back().first);
                next = around.back().second;
                around.pop_back();
            } else {
                return;
            }
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
    struct Unasked {};  // never thrown: whoever asks for groups gets them by the handler above

    /// Returns the group that is to be searched instead, if `failure` is one and nobody asked for
    /// groups.
    template <class E, class F>
    static std::optional<ExceptionGroup> visit(const std::exception_ptr& failure, F& fn) {
        using Nested =
            std::conditional_t<std::is_base_of_v<E, ExceptionGroup>, Unasked, ExceptionGroup>;
        try {
            std::rethrow_exception(failure);
        } catch (const E& error) {
            fn(error);
        } catch ([[maybe_unused]] const Nested& nested) {
            if constexpr (std::is_same_v<Nested, ExceptionGroup>) {
                return nested;
            }
        } catch (...) {  // another type: not asked for
        }
        return std::nullopt;
    }

    std::shared_ptr<const Shared> shared_;
};

namespace detail {

/// "bad thing", or the type's name for what is no `std::exception`.
[[nodiscard]] EDDY_API std::string describe(const std::exception_ptr& exception);

/// Whether it holds a `Cancelled`, without throwing where the ABI allows it.
[[nodiscard]] EDDY_API bool is_cancelled(const std::exception_ptr& exception) noexcept;

}  // namespace detail
}  // namespace eddy::inline v0_1
