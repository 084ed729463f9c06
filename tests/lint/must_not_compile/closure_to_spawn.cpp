// SPDX-License-Identifier: MIT
// As closure_to_group.cpp, for a job.

#include <string>
#include <utility>

#include <eddy/own.hpp>
#include <eddy/task.hpp>
#include <eddy/task_group.hpp>

void correct(eddy::TaskGroup& group, std::string text) {
    auto body = [text = std::move(text)]() -> eddy::Task<> { co_return; };
    group.spawn(eddy::own(body));
    group.spawn([](std::string) -> eddy::Task<> { co_return; }, std::string("state"));
}

#ifdef EDDY_MUST_NOT_COMPILE
void wrong(eddy::TaskGroup& group, std::string text) {
    group.spawn([text = std::move(text)]() -> eddy::Task<> { co_return; });
}
#endif
