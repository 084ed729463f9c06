// SPDX-License-Identifier: MIT
// g++ 12 destroys a temporary closure twice in a `co_await` expression: Eddy refuses it there.

#include <string>
#include <utility>

#include <eddy/own.hpp>
#include <eddy/task.hpp>
#include <eddy/task_group.hpp>

eddy::Task<> correct(std::string text) {
    auto body = [text = std::move(text)](eddy::TaskGroup&) -> eddy::Task<> { co_return; };
    co_await eddy::with_task_group(eddy::own(body));
    co_await eddy::with_task_group([&](eddy::TaskGroup&) -> eddy::Task<> { co_return; });
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong(std::string text) {
    co_await eddy::with_task_group(
        [text = std::move(text)](eddy::TaskGroup&) -> eddy::Task<> { co_return; });
}
#endif
