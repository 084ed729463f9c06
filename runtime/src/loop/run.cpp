// SPDX-License-Identifier: MIT
#include <eddy/run.hpp>

#include <eddy/detail/legible.hpp>
#include <eddy/detail/log.hpp>
#include <eddy/error.hpp>
#include <eddy/exception_group.hpp>

namespace eddy::inline v0_1::detail {

namespace {

void print(const std::exception_ptr& error) {
    try {
        std::rethrow_exception(error);
    } catch (const ExceptionGroup& group) {
        for (const std::exception_ptr& failure : group.exceptions()) {
            print(failure);
        }
    } catch (...) {
        say_on_stderr(legible_lines(describe(std::current_exception())));
    }
}

/// What a job that the end of its loop has cancelled, or cut off, may end with.
bool is_end_of_loop(const std::exception_ptr& error) noexcept {
    try {
        std::rethrow_exception(error);
    } catch (const JobCancelled&) {
        return true;
    } catch (const LoopClosed&) {
        return true;
    } catch (...) {
        return false;
    }
}

}  // namespace

int exit_status(const std::optional<int>& status,
                const std::exception_ptr& error,
                int signal,
                bool needs_value) noexcept {
    if (status && !error) {
        return *status;
    }
    if (signal != 0 && (!error || is_end_of_loop(error))) {
        return 128 + signal;
    }
    if (!error && !needs_value) {
        return 0;
    }
    try {
        if (error) {
            print(error);
        } else {
            say_on_stderr("the main task was cancelled before it had a value");
        }
    } catch (...) {  // no memory for the words: the status has to do
    }
    return 1;
}

}  // namespace eddy::inline v0_1::detail
