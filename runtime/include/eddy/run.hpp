// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <concepts>
#include <exception>
#include <optional>
#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>

#include <eddy/detail/check_call.hpp>
#include <eddy/detail/export.hpp>
#include <eddy/loop.hpp>

namespace eddy::inline v0_1 {

/// Runs a program: a new loop on this thread, `task` as its main job. When that ends, everything
/// else is cancelled and waited for. What the task throws comes out here, so a `main` catches it:
///
///     int main() {
///         try {
///             return eddy::run(serve(), {.handle_signals = true});  // Task<int> serve()
///         } catch (const std::exception& error) {  // JobCancelled, if it was Ctrl-C
///             std::cerr << error.what() << '\n';
///             return 1;
///         }
///     }
///
/// `run_main` is that, with the exit status that shells expect.
///
/// Throws: see `Loop::run`.
template <class T>
T run(Task<T> task,
      const RunOptions& options = {},
      const LoopOptions& loop_options = {},
      std::source_location where = std::source_location::current()) {
    Loop loop(loop_options);
    return loop.run(std::move(task), options, where);
}
template <class T>
T run(detail::ExpressionTask<T> task,
      const RunOptions& options = {},
      const LoopOptions& loop_options = {},
      std::source_location where = std::source_location::current()) {
    return run(task.release(), options, loop_options, where);
}

/// This does not compile, and says why; so does `run_main`.
template <class Work, class... Options>
    requires(!detail::AnyTask<std::remove_cvref_t<Work>>)
void run(Work&&, const Options&...) {
    detail::refuse_as_task<Work>();
}

/// How `run_main` runs: `RunOptions`, but signals are handled unless one says otherwise.
struct EDDY_VISIBLE MainOptions {
    Duration grace = std::chrono::seconds(10);
    bool handle_signals = true;
    std::string_view name = "main";
};

namespace detail {

/// What a main task has come to; empty until it has.
template <class T>
Task<> note_status(Task<T> task, std::optional<int>& status) {
    if constexpr (std::is_void_v<T>) {
        co_await std::move(task);
        status = 0;
    } else {
        status = co_await std::move(task);
    }
}

/// The exit status of a program; says on the standard error what is wrong.
[[nodiscard]] EDDY_API int exit_status(const std::optional<int>& status,
                                       const std::exception_ptr& error,
                                       int signal,
                                       bool needs_value) noexcept;

}  // namespace detail

/// A whole `main`: runs the task and returns the exit status.
///
///     Task<> serve();
///     int main() { return eddy::run_main(serve()); }
///
/// | the task                                | status               | standard error              |
/// |-----------------------------------------|----------------------|-----------------------------|
/// | returns                                 | its value, 0 if void |                             |
/// | is cancelled by SIGINT or SIGTERM (see  | 128 + number         |                             |
/// | `RunOptions::handle_signals`)           |                      |                             |
/// | is cancelled otherwise                  | 0 if void, or 1      | that it has no value        |
/// | throws, or there is no loop to be had   | 1                    | what it says; of an         |
/// |                                         |                      | `ExceptionGroup` each       |
///
/// Throws: nothing.
template <class T>
    requires std::is_void_v<T> || std::same_as<T, int>
[[nodiscard]] int run_main(Task<T> task,
                           const MainOptions& options = {},
                           const LoopOptions& loop_options = {},
                           std::source_location where = std::source_location::current()) noexcept {
    std::optional<int> status;
    std::exception_ptr error;
    int signal = 0;
    try {
        Loop loop(loop_options);
        try {
            loop.run(detail::note_status(std::move(task), status),
                     {.grace = options.grace,
                      .handle_signals = options.handle_signals,
                      .name = options.name},
                     where);
        } catch (...) {
            error = std::current_exception();
        }
        signal = loop.received_signal();
    } catch (...) {
        error = std::current_exception();
    }
    return detail::exit_status(status, error, signal, !std::is_void_v<T>);
}
template <class Work, class... Options>
    requires(!detail::AnyTask<std::remove_cvref_t<Work>>)
int run_main(Work&&, const Options&...) {
    detail::refuse_as_task<Work>();
    return 1;
}

}  // namespace eddy::inline v0_1
