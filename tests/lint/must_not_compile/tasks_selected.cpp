// SPDX-License-Identifier: MIT
// Tasks have to run: a list of them is raced, or spawned.

#include <vector>

#include <eddy/join_handle.hpp>
#include <eddy/select.hpp>
#include <eddy/task.hpp>

eddy::Task<> correct(std::vector<eddy::JoinHandle<int>>& jobs) {
    const auto first = co_await eddy::select(jobs);
    static_cast<void>(first);
}

#ifdef EDDY_MUST_NOT_COMPILE
eddy::Task<> wrong(std::vector<eddy::Task<int>>& tasks) { co_await eddy::select(tasks); }
#endif
