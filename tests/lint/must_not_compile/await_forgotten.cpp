// SPDX-License-Identifier: MIT
// An operation is not its result.

#include <optional>

#include <eddy/queue.hpp>
#include <eddy/task.hpp>

eddy::Task<> correct(eddy::Queue<int>& queue) {
    while (const auto item = co_await queue.next()) {
        static_cast<void>(*item);
    }
}

#ifdef EDDY_MUST_NOT_COMPILE
void wrong(eddy::Queue<int>& queue) {
    while (const auto& item = queue.next()) {
        static_cast<void>(item);
    }
}
#endif
